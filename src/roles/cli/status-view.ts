/** Shows a status on stdout, as a table on a terminal, or as lines or JSON. */
import type { NegotiatorError } from "../../errors.ts";
import { print } from "./output.ts";
import { formatPicture, warnOf } from "./status-picture.ts";
import type { StatusPicture } from "./status-picture.ts";
import { terminalSize } from "./streams.ts";
import type { Outcome } from "./subcommand.ts";

/** How to show it. */
export type StatusView = {
  /** Heads the column of names: `GUEST` or `PEER`. */
  title: string;
  /** Writes lines for programs, on a terminal too. */
  isJson: boolean;
  /** Shows it again after so many milliseconds, until a signal comes. */
  intervalMs?: number | undefined;
  /** The note for a status without rows. */
  emptyNote?: NegotiatorError;
  /** Asks for the status. */
  take: () => Promise<StatusPicture>;
};

/** Shows the status. With `intervalMs` it resolves after SIGINT, SIGTERM or SIGHUP. */
export async function showStatusView(view: StatusView): Promise<Outcome> {
  const size = view.isJson ? undefined : await terminalSize("stdout");
  if (view.intervalMs !== undefined) {
    const { watchStatus } = await import("./status-watch.ts");
    return watchStatus({ ...view, intervalMs: view.intervalMs, isOnTerminal: size !== undefined });
  }
  const picture = await view.take();
  await warnOf(picture.problems);
  if (picture.rows.length === 0) return { exitCode: 0, ...(view.emptyNote && { error: view.emptyNote }) };
  if (size === undefined) return print(picture.lines.join("\n"));
  return print(formatPicture({ ...picture, problems: [] }, view.title, size.columns).join("\n"));
}
