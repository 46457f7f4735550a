/** Writes lines to one place. While that fails, counts the lost lines by command. */
import { NegotiatorError } from "../errors.ts";
import { formatLost } from "./audit-line.ts";
import type { Lost } from "./audit-line.ts";
import { CommandCounts } from "./command-counts.ts";

/** A place for lines. */
export type LineSink = {
  /**
   * Writes a line. If that fails, calls `onFailure` and returns false. The line counts as lost then, unless
   * its call `isRefused`. `time` is ISO 8601.
   */
  write: (line: SinkLine, isRefused?: boolean) => boolean;
  /** Counts a line as lost that `put` had taken, and what `put` got as `lost` with it. */
  lose: (line: Omit<SinkLine, "text">, lost: Lost | undefined) => void;
  /** Tries once more to write the count of lost lines. If that fails, returns the loss as an error. */
  end: (time: string) => NegotiatorError | undefined;
};

/** A line without its end, its time, and the command or the counts of commands that it is about. */
export type SinkLine = {
  text: string;
  time: string;
  command?: string | undefined;
  counts?: CommandCounts | undefined;
};

/**
 * Returns the sink of `put`, which throws if it cannot write all of its lines. When writing works again, the
 * first line has the number of lost lines (`formatLost`).
 */
export function createLineSink(
  put: (lines: readonly string[], lost: Lost | undefined) => void,
  onFailure: (thrown: unknown) => void,
): LineSink {
  let lost: Lost | undefined;

  const attempt = (text: string | undefined, time: string): boolean => {
    try {
      // In one piece: a nearly full disk may have room for the count, but not for the line.
      const lines = [
        ...(lost === undefined ? [] : [formatLost(lost, time)]),
        ...(text === undefined ? [] : [text]),
      ];
      put(lines, lost);
      lost = undefined;
      return true;
    } catch (thrown) {
      onFailure(thrown);
      return false;
    }
  };
  const lose: LineSink["lose"] = ({ time, command, counts }, before) => {
    lost ??= { lines: 0, since: before?.since ?? time, counts: new CommandCounts() };
    lost.lines += before?.lines ?? 0;
    if (before !== undefined) lost.counts.addAll(before.counts);
    lost.lines++;
    lost.counts.add(command);
    if (counts !== undefined) lost.counts.addAll(counts);
  };
  return {
    write(line, isRefused = false) {
      const isWritten = attempt(line.text, line.time);
      if (!isWritten && !isRefused) lose(line, undefined);
      return isWritten;
    },
    lose,
    end(time) {
      if (lost === undefined || attempt(undefined, time)) return undefined;
      const { lines, since, counts } = lost;
      const { commands = {}, otherCommands = 0 } = counts.members();
      const names = Object.entries(commands).map(([name, calls]) => `${JSON.stringify(name)} ${calls}`);
      if (otherCommands > 0) names.push(`others ${otherCommands}`);
      const message = `Lines of the audit since ${since} are lost: ${lines} (${names.join(", ")})`;
      return new NegotiatorError("INTERNAL", message);
    },
  };
}
