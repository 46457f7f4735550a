/** The directory of the detached calls of a daemon, from one daemon to the next. */
import { expect, test } from "bun:test";
import { chmod, readdir, truncate } from "node:fs/promises";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Caller } from "../../../src/policy/caller.ts";
import { openKept } from "../../../src/roles/daemon/open-kept.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const HOST: Caller = { via: "host" };
const WHOLE = { stdout: { truncated: false }, stderr: { truncated: false } };
const EXIT_3 = { exitCode: 3, signal: null, endedBy: "command", durationMs: 5 } as const;
const OWN = `guest.${process.pid}`;
/** Above all numbers that Linux gives to processes. */
const GONE = "guest.9999999";

/** A place in which daemons with the number of this process come one after the other. */
async function createPlace() {
  const directory = await createTemporaryDirectory();
  const { path } = directory;
  const open = () => openKept("guest", { ...DEFAULTS, detached: { ...DEFAULTS.detached, directory: path } });
  return {
    path,
    open,
    /** A daemon that runs a call which prints `out` and ends with 3, and that stops. */
    async leave(id: string): Promise<void> {
      await using kept = open();
      const command = kept.begin({ peer: HOST, user: { uid: 7 } }, { id, command: "c", keepMs: undefined });
      await command.stdout.write(Buffer.from("out"));
      command.finish(EXIT_3, WHOLE);
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("the next daemon has the output, the result, the user and the ages of a call", async () => {
  await using place = await createPlace();
  await place.leave("first");
  await Bun.$`mv ${place.path}/${OWN} ${place.path}/${GONE}`;
  await using kept = place.open();
  const command = kept.find("first", { peer: HOST, user: { uid: 7 } });
  expect(await command.ended).toEqual(EXIT_3);
  expect(Buffer.concat(await Array.fromAsync(command.stdout.read(0))).toString()).toBe("out");
  expect(command.ages().finishedMs).toBeGreaterThanOrEqual(0);
  expect(() => kept.find("first", { peer: HOST, user: { uid: 8 } })).toThrow("There is no detached call");
  expect(await readdir(place.path)).toEqual([OWN]);
});

test("a call that runs when its daemon stops has lost its outcome, and is ended", async () => {
  await using place = await createPlace();
  {
    await using kept = place.open();
    kept.begin({ peer: HOST }, { id: "runs", command: "c", keepMs: undefined });
  }
  await using kept = place.open();
  const command = kept.find("runs", { peer: HOST });
  expect(await rejectionOf(command.ended)).toMatchObject({ code: "UNKNOWN_OUTCOME" });
  expect([command.stdout.isEnded, command.stdout.isTruncated]).toEqual([true, true]);
  expect(command.ages().finishedMs).toBeGreaterThanOrEqual(0);
});

test("a call whose time is over is not there after a restart, and its directory is removed", async () => {
  await using place = await createPlace();
  {
    await using kept = place.open();
    kept.begin({ peer: HOST }, { id: "short", command: "c", keepMs: 0 }).finish(EXIT_3, WHOLE);
  }
  expect(await readdir(place.path)).toEqual([]);
});

test.each([
  ["is not whole", (file: string) => truncate(file, 20)],
  ["is of another release", async (file: string) => void (await Bun.write(file, '{"version":9}'))],
  ["others can write", (file: string) => chmod(file, 0o666)],
])("a list that %s is forgotten, and its directory is removed", async (_, damage) => {
  await using place = await createPlace();
  await place.leave("first");
  await damage(`${place.path}/${OWN}/kept.json`);
  await using kept = place.open();
  expect(kept.list()).toEqual([]);
  expect(await readdir(place.path)).toEqual([]);
});

test("output that is shorter than its list says is cut", async () => {
  await using place = await createPlace();
  await place.leave("first");
  await truncate(`${place.path}/${OWN}/1.stdout`, 1);
  await using kept = place.open();
  const { stdout } = kept.find("first", { peer: HOST });
  expect([stdout.start, stdout.end, await Array.fromAsync(stdout.read(0))]).toEqual([3, 3, []]);
});

test("of two lists the newest counts, and only files of its calls and of running daemons stay", async () => {
  await using place = await createPlace();
  await place.leave("old");
  await Bun.$`mv ${place.path}/${OWN} ${place.path}/${GONE}`;
  await Bun.$`cp -r ${place.path}/${GONE} ${place.path}/guest.1`;
  await Bun.$`cp -r ${place.path}/${GONE} ${place.path}/${GONE}9`;
  const list = `${place.path}/${GONE}9/kept.json`;
  const text = await Bun.file(list).text();
  await Bun.write(list, text.replace(/"savedMs":\d+/, '"savedMs":5').replaceAll('"old"', '"older"'));
  await Bun.write(`${place.path}/${GONE}/7.stdout`, "stray");
  await using kept = place.open();
  expect(kept.list().map(({ id }) => id)).toEqual(["old"]);
  expect((await readdir(place.path)).toSorted()).toEqual([OWN, "guest.1"].toSorted());
  expect((await readdir(`${place.path}/${OWN}`)).toSorted()).toEqual(["1.stdout", "kept.json"]);
});

test("a list from before the last boot is taken, also if another process has its number now", async () => {
  await using place = await createPlace();
  await place.leave("first");
  await Bun.$`mv ${place.path}/${OWN} ${place.path}/guest.1`;
  {
    await using kept = place.open();
    expect(kept.list()).toEqual([]);
  }
  const list = `${place.path}/guest.1/kept.json`;
  await Bun.write(list, (await Bun.file(list).text()).replace(/"bootId":"[^"]+"/, '"bootId":"earlier"'));
  await using kept = place.open();
  expect(kept.list().map(({ id }) => id)).toEqual(["first"]);
});
