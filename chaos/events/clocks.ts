/** The case in which the clock of the host's daemon goes hours forth and back. */
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { installPackages, withFreshLists } from "../../test/support/apt.ts";
import { endsNone } from "../case.ts";
import type { EmulatedCase, Preparation } from "../case.ts";
import type { StageOptions } from "../stage.ts";

const PACKAGE = "libfaketime";
const MACHINE = process.arch === "arm64" ? "aarch64" : "x86_64";
const LIBRARY = `/usr/lib/${MACHINE}-linux-gnu/faketime/libfaketimeMT.so.1`;
const HOURS = 7;
/** The library looks for a new time once a second. */
const LOOK_MS = 1500;

/**
 * In its own mount namespace, a daemon gets the library by /etc/ld.so.preload, because it starts again
 * without LD_PRELOAD. The monotonic clock stays. Words: the folder for the real /etc, then the program.
 */
const PRELOAD = `real=$1; shift
mkdir "$real"; mount --rbind /etc "$real"; mount -t tmpfs -o mode=755 tmpfs /etc
ln -s "$real"/* /etc; rm -f /etc/ld.so.preload; echo ${LIBRARY} >/etc/ld.so.preload
exec "$@"`;

/** The clock of this machine stays as it is. */
export const CLOCK_CASES: Readonly<Record<string, EmulatedCase>> = {
  "clock-host": {
    kind: "emulated",
    what: `the clock of the host's daemon goes ${HOURS} hours forth, then as many back (needs root)`,
    mayEnd: endsNone,
    prepare: prepareClock,
    async strike({ directory }, { during }) {
      await setClock(directory, HOURS);
      during();
      await delay(LOOK_MS);
      await setClock(directory, -HOURS);
      during();
      await delay(LOOK_MS);
    },
  },
};

async function prepareClock({ directory }: Preparation): Promise<StageOptions["wrap"]> {
  if (!existsSync(LIBRARY)) await withFreshLists(() => installPackages([PACKAGE]));
  await setClock(directory, 0);
  const variables = [`FAKETIME_TIMESTAMP_FILE=${directory}/clock`, "FAKETIME_CACHE_DURATION=1"];
  const fixed = ["FAKETIME_DONT_FAKE_MONOTONIC=1", "DONT_FAKE_MONOTONIC=1", "FAKETIME_DONT_RESET=1"];
  const shell = ["unshare", "-m", "sh", "-c", PRELOAD, "sh", `${directory}/etc`];
  return (role, binary) => (role === "host" ? ["env", ...variables, ...fixed, ...shell, binary] : [binary]);
}

async function setClock(directory: string, hours: number): Promise<void> {
  await Bun.write(`${directory}/clock`, `${hours < 0 ? "" : "+"}${hours}h\n`);
}
