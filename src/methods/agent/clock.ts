/** `guest-get-time`, `guest-set-time` and `guest-get-timezone`. */
import { readFile, realpath } from "node:fs/promises";
import { readClockUs, setClockUs } from "../../process/libc-machine.ts";
import { integer, invalid, optional } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { errnoNumberText } from "./errno-text.ts";
import { runTool } from "./tool.ts";

const NANOSECONDS = 1_000_000n;

/**
 * The parts of the machine that the commands need: its clock in microseconds since 1970, a program that they
 * run, and the link to its time zone. `setClock` returns 0 or an error's number.
 */
export type ClockTools = {
  readClock: () => bigint;
  setClock: (us: bigint) => number;
  runTool: (words: readonly string[]) => Promise<{ exitCode: number | null }>;
  zoneFile: string;
};

const SYSTEM: ClockTools = {
  readClock: readClockUs,
  setClock: setClockUs,
  runTool,
  zoneFile: "/etc/localtime",
};

/** Returns the commands. */
export function createClockCommands(tools = SYSTEM): AgentCommand[] {
  return [createGetTime(tools), createSetTime(tools), createGetTimezone(tools)];
}

/** Returns nanoseconds since 1970. */
const createGetTime = ({ readClock }: ClockTools): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-time",
    access: "usual",
    run: () => readClock() * 1000n,
  });

/** Sets the clock, and the hardware clock after it; without a time, sets it from the hardware clock. */
const createSetTime = ({ setClock, runTool: runHwclock }: ClockTools): AgentCommand =>
  defineAgentCommand({
    name: "guest-set-time",
    access: "ruled",
    args: { time: optional(integer) },
    async run({ time }) {
      if (time !== undefined) {
        if (time / (NANOSECONDS * 1000n) > LATEST_SECONDS || time < 0n)
          throw time < 0n
            ? failed(`Failed to set time to guest: ${errnoNumberText(EINVAL)}`)
            : invalid(`Time ${time} is too large`);
        const errno = setClock(time / 1000n);
        if (errno !== 0) throw failed(`Failed to set time to guest: ${errnoNumberText(errno)}`);
      }
      const { exitCode } = await runHwclock(["hwclock", time === undefined ? "-s" : "-w"]);
      if (exitCode !== 0) throw failed("hwclock failed to set hardware clock to system time");
      return {};
    },
  });

/** The hardware clock has two digits for the year: 1970 to 2069. */
const LATEST_SECONDS = 3_155_759_999n;
const EINVAL = 22;

/** Returns the name of the time zone, and its distance to UTC in seconds, east positive. */
const createGetTimezone = ({ zoneFile }: ClockTools): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-timezone",
    access: "usual",
    async run() {
      const [path, bytes] = await Promise.all([
        realpath(zoneFile).catch(() => ""),
        readFile(zoneFile).catch(() => Buffer.from("\nUTC0\n")),
      ]);
      const offset = offsetOf(path, new Date());
      return { offset, ...zoneMember(nameOf(bytes, offset)) };
    },
  });

function zoneMember(zone: string | undefined): { zone?: string } {
  return zone === undefined ? {} : { zone };
}

/** This process may have started with another zone, so the file's name counts. */
function offsetOf(path: string, now: Date): number {
  const [, zone] = /\/zoneinfo\/(?:posix\/|right\/)?(.+)$/.exec(path) ?? [];
  try {
    const shown = new Intl.DateTimeFormat("en", {
      timeZone: path === "" ? "UTC" : zone,
      timeZoneName: "longOffset",
    }).format(now);
    const [, sign = "+", hours = "0", minutes = "0"] = /GMT([+-])(\d\d):(\d\d)/.exec(shown) ?? [];
    return (Number(hours) * 3600 + Number(minutes) * 60) * (sign === "-" ? -1 : 1);
  } catch {
    return -now.getTimezoneOffset() * 60;
  }
}

/**
 * Returns the short name of the zone from the last line of its file, such as `CET-1CEST,M3.5.0,M10.5.0/3`
 * (RFC 8536).
 */
function nameOf(file: Uint8Array, offset: number): string | undefined {
  const [, rule = ""] = /\n(.*)\n$/.exec(Buffer.from(file).toString("latin1")) ?? [];
  const [, standard, sign = "", hours = "0", minutes = "0", summer] =
    /^(<[^>]+>|[A-Za-z]+)([+-]?)(\d+)(?::(\d+))?(?::\d+)?(<[^>]+>|[A-Za-z]+)?/.exec(rule) ?? [];
  const west = (Number(hours) * 3600 + Number(minutes) * 60) * (sign === "-" ? -1 : 1);
  const name = summer !== undefined && offset !== -west ? summer : standard;
  return name?.replace(/^<(.*)>$/, "$1");
}
