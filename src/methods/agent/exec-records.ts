/** The programs that clients of the guest agent have started, until a client has asked for their ends. */
import { constants } from "node:os";
import { releaseBytes } from "../../wire/released-bytes.ts";
import type { ByteSink } from "../../process/pump.ts";
import { ANSWER_BYTES } from "./answer-bytes.ts";
import type { KeptItems } from "./kept-items.ts";

/** The streams that a client wants to have. */
export type Capture = "none" | "stdout" | "stderr" | "separated" | "merged";

/** A started program, by its process id. */
export type ExecRecord = {
  /** Undefined while it runs. */
  end: { exitCode: number | null; signal: string | null } | undefined;
  readonly output: CapturedOutput;
};

/** The records of an agent. */
export type ExecRecords = KeptItems<ExecRecord>;

/** Memory that all programs and old callers share, and the part that one of them has. */
export type SharedMemory = { open(): Disposable & { take(bytes: number): boolean } };

/** The output of a program: both streams together fit into one answer, and the rest is thrown away. */
export type CapturedOutput = {
  /** Null for a stream that the client does not want. */
  stdout: ByteSink | null;
  stderr: ByteSink | null;
  /** The members of the answer. The memory of the output is given back. */
  members(): Record<string, unknown>;
  /** Gives the memory back without an answer. */
  drop(): void;
};

/** Creates the sinks of a program that is about to start. */
export function captureOutput(capture: Capture, memory: SharedMemory): CapturedOutput {
  const share = memory.open();
  const room = { left: ANSWER_BYTES, share };
  const out = createBuffer(room);
  const err = createBuffer(room);
  const hasOut = capture === "stdout" || capture === "separated" || capture === "merged";
  const hasErr = capture === "stderr" || capture === "separated";
  return {
    stdout: hasOut ? out : null,
    stderr: hasErr ? err : capture === "merged" ? out : null,
    members() {
      using _ = share;
      return { ...out.members("out"), ...err.members("err") };
    },
    drop() {
      share[Symbol.dispose]();
      out.drop();
      err.drop();
    },
  };
}

type Room = { left: number; share: ReturnType<SharedMemory["open"]> };

function createBuffer(room: Room) {
  const parts: Uint8Array[] = [];
  let isTruncated = false;
  const drop = (): void => {
    for (const part of parts.splice(0)) releaseBytes(part);
  };
  return {
    drop,
    async write(bytes: Uint8Array): Promise<void> {
      // After a gap the rest would be misleading.
      if (!room.share.take(Math.min(bytes.length, room.left))) room.left = 0;
      const taken = bytes.slice(0, room.left);
      room.left -= taken.length;
      isTruncated ||= taken.length < bytes.length;
      if (taken.length > 0) parts.push(taken);
    },
    members(name: "out" | "err"): Record<string, unknown> {
      if (parts.length === 0 && !isTruncated) return {};
      const bytes = Buffer.concat(parts);
      drop();
      const data = bytes.toString("base64");
      releaseBytes(bytes);
      return { [`${name}-data`]: data, [`${name}-truncated`]: isTruncated };
    },
  };
}

/** Returns the answer about a program. */
export function describeRecord({ end, output }: ExecRecord): Record<string, unknown> {
  if (end === undefined) return { exited: false };
  const numbers: Readonly<Record<string, number>> = constants.signals;
  const number = end.signal === null ? undefined : numbers[end.signal];
  return {
    exited: true,
    ...(number === undefined ? { exitcode: end.exitCode ?? 0 } : { signal: number }),
    ...output.members(),
  };
}
