/** `guest-get-time`, `guest-set-time` and `guest-get-timezone`. */
import { readFile, realpath } from "node:fs/promises";
import { readClockUs, setClockUs } from "../../process/libc-machine.ts";
import { integer, invalid, optional } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import { errnoNumberText } from "./errno-text.ts";
import { runTool } from "./tool.ts";

const NANOSECONDS = 1_000_000n;

/** Returns nanoseconds since 1970. */
export const GET_TIME = defineAgentCommand({
  name: "guest-get-time",
  access: "usual",
  run: () => readClockUs() * 1000n,
});

/** Sets the clock, and the hardware clock after it; without a time, sets it from the hardware clock. */
export const SET_TIME = defineAgentCommand({
  name: "guest-set-time",
  access: "ruled",
  args: { time: optional(integer) },
  async run({ time }) {
    if (time !== undefined) {
      if (time / (NANOSECONDS * 1000n) > LATEST_SECONDS || time < 0n)
        throw time < 0n
          ? failed(`Failed to set time to guest: ${errnoNumberText(EINVAL)}`)
          : invalid(`Time ${time} is too large`);
      const errno = setClockUs(time / 1000n);
      if (errno !== 0) throw failed(`Failed to set time to guest: ${errnoNumberText(errno)}`);
    }
    const { exitCode } = await runTool(["hwclock", time === undefined ? "-s" : "-w"]);
    if (exitCode !== 0) throw failed("hwclock failed to set hardware clock to system time");
    return {};
  },
});

/** The hardware clock has two digits for the year: 1970 to 2069. */
const LATEST_SECONDS = 3_155_759_999n;
const EINVAL = 22;

/** Returns the name of the time zone, and its distance to UTC in seconds, east positive. */
export const GET_TIMEZONE = defineAgentCommand({
  name: "guest-get-timezone",
  access: "usual",
  async run() {
    const place = "/etc/localtime";
    const [path, bytes] = await Promise.all([
      realpath(place).catch(() => ""),
      readFile(place).catch(() => Buffer.from("UTC0")),
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
  const [rule = ""] = Buffer.from(file).toString("latin1").trimEnd().split("\n").slice(-1);
  const [, standard, sign = "", hours = "0", minutes = "0", summer] =
    /^(<[^>]+>|[A-Za-z]+)([+-]?)(\d+)(?::(\d+))?(?::\d+)?(<[^>]+>|[A-Za-z]+)?/.exec(rule) ?? [];
  const west = (Number(hours) * 3600 + Number(minutes) * 60) * (sign === "-" ? -1 : 1);
  const name = summer !== undefined && offset !== -west ? summer : standard;
  return name?.replace(/^<(.*)>$/, "$1");
}
