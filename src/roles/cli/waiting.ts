/** Says on a terminal what a call waits for, when that takes longer than a second. */
import { signalSelf } from "../../process/run.ts";
import { formatAge } from "./quantity.ts";
import { createStatusLine } from "./status-line.ts";
import type { StatusLine } from "./status-line.ts";

/** Returns what a call waits for, such as `the agent of web1`; undefined while it waits for nothing. */
export type AskWaiting = () => Promise<string | undefined>;

/** The line about one call. Disposing erases it. */
export type Waiting = AsyncDisposable & {
  /** Writes to one of our streams, without mixing it with the line. */
  write: StatusLine["write"];
};

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
const FIRST_MS = 1000;
const STEP_MS = 1000;

/** Shows the line on stderr after a second, and asks again each second. */
export async function showWaiting(ask: AskWaiting): Promise<Waiting> {
  const startMs = performance.now();
  const line = await createStatusLine();
  let isOver = false;
  let timer: Timer | undefined;
  const look = async (): Promise<void> => {
    // A question that fails is asked again.
    const what = await ask().catch(() => undefined);
    if (isOver) return;
    const elapsed = formatAge(performance.now() - startMs);
    line.show(what === undefined ? undefined : `waiting for ${what}, ${elapsed}; Ctrl-C stops`);
    timer = setTimeout(() => void look(), STEP_MS);
  };
  timer = setTimeout(() => void look(), FIRST_MS);
  const close = async (): Promise<void> => {
    isOver = true;
    clearTimeout(timer);
    for (const signal of ENDING) process.off(signal, onEnd);
    await line[Symbol.asyncDispose]();
  };
  /** A signal that nothing else handles ends the process, which erases the line before that. */
  const onEnd = (signal: NodeJS.Signals): void => {
    if (process.listenerCount(signal) === 1) void close().then(() => signalSelf(signal));
  };
  for (const signal of ENDING) process.on(signal, onEnd);
  return { write: (stream, bytes) => line.write(stream, bytes), [Symbol.asyncDispose]: close };
}
