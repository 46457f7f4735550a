/** Carries output whose descriptor is opened with its first byte: most commands write nothing on a stream. */
import { closeSync } from "node:fs";
import { pumpOutput } from "./pump.ts";
import type { ByteSink, FrozenOutputPump, OutputPump } from "./pump.ts";

/**
 * A descriptor that is opened once there are bytes to read. The listener gets it, or undefined if there will
 * be none, in the turn in which that is known.
 */
export type LateDescriptor = {
  readonly fd: number | undefined;
  onOpen: (listener: (fd: number | undefined) => void) => void;
};

/** Does what `pumpOutput` does, also for a descriptor that is opened later. */
export function pumpStream(
  end: number | LateDescriptor | undefined,
  sink: ByteSink,
  frozen?: FrozenOutputPump,
): OutputPump {
  return typeof end === "object" ? pumpLate(end, sink) : pumpOutput(end, sink, frozen);
}

function pumpLate(late: LateDescriptor, sink: ByteSink): OutputPump {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const startMs = performance.now();
  let pump: OutputPump | undefined;
  let waitedMs = (): number => performance.now() - startMs;
  let isAborted = false;
  late.onOpen((fd) => {
    if (isAborted) {
      if (fd !== undefined) closeSync(fd);
      return;
    }
    const beforeMs = waitedMs();
    const opened = pumpOutput(fd, sink);
    pump = opened;
    waitedMs = () => beforeMs + opened.waitedMs();
    void opened.ended.then(end);
  });
  const facts = (): ReturnType<OutputPump["facts"]> => pump?.facts() ?? { bytes: 0, truncated: isAborted };
  return {
    ended,
    facts,
    waitedMs: () => waitedMs(),
    get isEnded() {
      return isAborted || pump?.isEnded === true;
    },
    get isGiving() {
      return pump?.isGiving === true;
    },
    abort() {
      pump?.abort();
      if (pump !== undefined || isAborted) return;
      isAborted = true;
      end();
    },
    // A stream without a carrier ends with this program.
    freeze: () =>
      pump?.freeze() ?? { facts: { bytes: 0, truncated: true }, isClosed: true, ungiven: new Uint8Array(0) },
  };
}
