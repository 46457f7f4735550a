/** Logs the standard error of commands whose callers cannot take it. */
import { formatCaller, callerKey } from "../policy/caller.ts";
import type { Caller } from "../policy/caller.ts";
import type { LimitedLog } from "../policy/limited-log.ts";
import { printable } from "../printable.ts";
import type { ByteSink } from "../process/pump.ts";
import type { Rate } from "../policy/quota.ts";
import { shorten } from "../shorten.ts";

/** A caller can call a noisy command again and again, and must not fill the log. */
export const STDERR_LINES: Rate = { calls: 200, perMs: 60_000 };
const LINE_LENGTH = 1000;
const LF = 0x0a;

/** The standard error of one command. */
export type StderrLog = ByteSink & {
  /** Logs the last line, and how many lines were left out. */
  end(): void;
};

/** Creates a sink that logs each line, escaped and cut, within the rate of `log`. */
export function createStderrLog(caller: Caller, command: string, log: LimitedLog): StderrLog {
  const key = ["stderr", ...callerKey(caller)];
  const name = printable(command);
  const subject = formatCaller(caller);
  let line = Buffer.alloc(0);
  let isEmpty = true;
  let leftOut = 0;

  /** Keeps no more of a line than is shown. */
  const add = (bytes: Uint8Array): void => {
    if (bytes.length > 0) isEmpty = false;
    const room = MOST_LINE_BYTES - line.length;
    if (room > 0) line = Buffer.concat([line, bytes.subarray(0, room)]);
  };
  const write = (): void => {
    if (isEmpty) return;
    const text = shorten(printable(line.toString()), LINE_LENGTH);
    if (!log(key, `${subject}: the command "${name}" writes to standard error: ${text}`)) leftOut++;
    line = Buffer.alloc(0);
    isEmpty = true;
  };

  return {
    async write(bytes) {
      let start = 0;
      for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, start)) {
        add(bytes.subarray(start, end));
        write();
        start = end + 1;
      }
      add(bytes.subarray(start));
    },
    end() {
      write();
      if (leftOut === 0) return;
      const what = `lines of standard error of the command "${name}" were not logged`;
      log(["stderr left out", ...callerKey(caller)], `${subject}: ${leftOut} ${what}`);
    },
  };
}

/** More than enough for a line that is shown: a character has at most four bytes. */
const MOST_LINE_BYTES = 4 * LINE_LENGTH + 4;
