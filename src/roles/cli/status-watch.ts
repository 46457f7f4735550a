/** `status --watch`: shows a status again and again. */
import { NegotiatorError } from "../../errors.ts";
import { terminalWishes } from "../../config/terminal-wishes.ts";
import { print } from "./output.ts";
import { createFullScreen } from "./full-screen.ts";
import { judgeState } from "./status-table.ts";
import { formatPicture, warnOf } from "./status-picture.ts";
import type { StatusPicture } from "./status-picture.ts";
import { terminalSize } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";
import { clipToWidth } from "./table.ts";

/** A status that is taken again and again, and shown on a screen if stdout is a terminal. */
export type WatchedView = {
  title: string;
  take: () => Promise<StatusPicture>;
  intervalMs: number;
  isOnTerminal: boolean;
  /** Returns the size of the screen; tests pass another function. */
  sizeOf?: typeof terminalSize;
};

const ENDING = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

/**
 * Resolves after a signal; that is the usual end, so the exit code is 0. On a terminal, a failure to ask is
 * shown in place of the table, and the watch goes on. Elsewhere it ends the watch.
 */
export async function watchStatus(view: WatchedView): Promise<Outcome> {
  const end = new AbortController();
  const stop = (): void => end.abort();
  for (const signal of ENDING) process.on(signal, stop);
  try {
    if (view.isOnTerminal && terminalWishes().moves) await watchOnScreen(view, end.signal);
    else await watchAsLines(view, end.signal);
    return { exitCode: 0, isStuck: true };
  } finally {
    for (const signal of ENDING) process.off(signal, stop);
  }
}

async function watchOnScreen(view: WatchedView, signal: AbortSignal): Promise<void> {
  await using screen = await createFullScreen();
  const { sizeOf = terminalSize } = view;
  let picture: StatusPicture = { problems: [], rows: [], lines: [] };
  const draw = async (): Promise<void> => {
    const { columns, rows } = (await sizeOf("stdout")) ?? { columns: 80, rows: 24 };
    // The end of the watch shows the first screen again, so this may not come after it.
    if (!signal.aborted) await screen.draw(fitScreen(picture, view, columns, rows));
  };
  screen.onChange(() => void draw());
  while (!signal.aborted) {
    picture = await view.take().catch(toPicture);
    await draw();
    await waitFor(view.intervalMs, signal);
  }
}

/** Puts peers with trouble first if not all of them fit. */
function fitScreen(picture: StatusPicture, view: WatchedView, columns: number, rows: number): string[] {
  const time = new Date().toTimeString().slice(0, 8);
  const head = clipToWidth(`${time}, every ${view.intervalMs / 1000} s; Ctrl-C ends`, columns);
  const all = formatPicture(picture, view.title, columns);
  if (all.length < rows) return [head, ...all];
  const sorted = picture.rows.toSorted((one, other) => weightOf(one.state) - weightOf(other.state));
  const lines = formatPicture({ ...picture, rows: sorted }, view.title, columns);
  return [
    head,
    ...lines.slice(0, Math.max(0, rows - 2)),
    clipToWidth("… more than this screen shows", columns),
  ];
}

function weightOf(state: string): number {
  return ["bad", "waiting", "good", "idle"].indexOf(judgeState(state));
}

function toPicture(thrown: unknown): StatusPicture {
  return { problems: [NegotiatorError.from(thrown).message], rows: [], lines: [] };
}

async function watchAsLines(view: WatchedView, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const { problems, lines } = await view.take();
    await warnOf(problems);
    if (lines.length > 0) await print(lines.join("\n"));
    await waitFor(view.intervalMs, signal);
  }
}

/** Resolves early when `signal` aborts. */
async function waitFor(ms: number, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  signal.addEventListener("abort", () => resolve(), { once: true });
  await promise;
  clearTimeout(timer);
}
