/** The detached calls that other daemons have left, as files. */
import { expect, test } from "bun:test";
import { mkdir, readdir } from "node:fs/promises";
import { readFileSync, writeFileSync } from "node:fs";
import { writeKeptFile } from "../../../src/roles/daemon/kept-file.ts";
import { answerKept, takeLeftKept, takeLeftKeptLate } from "../../../src/roles/daemon/left-kept.ts";
import type { KeptPlace, TakenKept } from "../../../src/roles/daemon/left-kept.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

/** No process has such a number (proc_sys_kernel(5), pid_max). */
const GONE = 5_000_000;

/** Where daemons leave their calls. `leave` makes the directory of one, which has one call with that id. */
async function createPlace() {
  const place = await createTemporaryDirectory();
  const [out, err] = [true, false].map((hasFile) => ({
    hasFile,
    start: 0,
    end: 0,
    pending: new Uint8Array(0),
    isEnded: true,
    isTruncated: false,
  }));
  if (out === undefined || err === undefined) throw new Error("two outputs were made");
  return {
    place,
    names: async () => (await readdir(place.path)).toSorted(),
    async leave(name: string, id: string, change: Readonly<Record<string, unknown>> = {}) {
      const directory = place.at(name);
      await mkdir(directory, { recursive: true });
      const times = { number: 3, mostBytes: 1, keepMs: 1, startedMs: 1 };
      const call = { peer: { via: "host" }, id, command: "c", ...times, stdout: out, stderr: err } as const;
      await writeKeptFile(directory, { fileCount: 4, commands: [call] });
      const path = place.at(name, "kept.json");
      const saved: unknown = JSON.parse(readFileSync(path, "utf8"));
      writeFileSync(path, JSON.stringify(Object.assign({}, saved, change)));
    },
    take: (given: Partial<KeptPlace> = {}): TakenKept =>
      takeLeftKept({ role: "host", directory: place.at(`host.${process.pid}`), hasOwn: false, ...given }),
    [Symbol.asyncDispose]: () => place[Symbol.asyncDispose](),
  };
}

const idsOf = ({ kept }: TakenKept): unknown => kept?.commands.map(({ id }) => id);

test("the calls of a daemon that has ended are taken, and its directory gets the new name", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${GONE}`, "a");
  const taken = stage.take();
  expect({ ids: idsOf(taken), problems: taken.problems }).toEqual({ ids: ["a"], problems: [] });
  expect(await stage.names()).toEqual([`host.${process.pid}`]);
});

test("of several lists the newest is taken, in any order of names, and the others are removed", async () => {
  for (const newest of [0, 1, 2]) {
    await using stage = await createPlace();
    for (const index of [0, 1, 2])
      await stage.leave(`host.${GONE + index}`, `${index}`, { savedMs: index === newest ? 9 : index });
    expect(idsOf(stage.take())).toEqual([`${newest}`]);
    expect(await stage.names()).toEqual([`host.${process.pid}`]);
  }
});

test("a running daemon keeps its calls, the other role too, and other names stay", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${process.ppid}`, "of a running daemon");
  await stage.leave(`guest.${GONE}`, "of the other role");
  for (const name of ["host.x", "host.", "guests.1", "host.1.new"]) await mkdir(stage.place.at(name));
  const before = await stage.names();
  expect(stage.take()).toEqual({ problems: [] });
  expect(await stage.names()).toEqual(before);
});

test("a number that a process got after the last boot is not that of a daemon before it", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${process.ppid}`, "a", { bootId: "of an earlier boot" });
  expect(idsOf(stage.take())).toEqual(["a"]);
});

test("a daemon with the number of the last one takes its calls", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${process.pid}`, "a");
  expect(idsOf(stage.take())).toEqual(["a"]);
});

test("a daemon with calls takes none, keeps its directory, and removes those of others", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${process.pid}`, "own");
  await stage.leave(`host.${GONE}`, "left");
  expect(stage.take({ hasOwn: true })).toEqual({ problems: [] });
  expect(await stage.names()).toEqual([`host.${process.pid}`]);
});

test("a file that cannot be used is a problem, is removed, and does not hide one that can", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${GONE}`, "bad", { version: 7 });
  await stage.leave(`host.${GONE + 1}`, "good", { savedMs: 1 });
  await stage.leave(`host.${GONE + 2}`, "bad", { version: 7 });
  const { problems, ...taken } = stage.take();
  expect(idsOf({ ...taken, problems })).toEqual(["good"]);
  expect(problems).toHaveLength(2);
  expect(problems[0]).toMatch(
    /^The detached calls of the daemon before are forgotten: ".*" cannot be used: /,
  );
  expect(await stage.names()).toEqual([`host.${process.pid}`]);
});

test("only a file that cannot be used leaves nothing", async () => {
  await using stage = await createPlace();
  await stage.leave(`host.${GONE}`, "bad", { version: 7 });
  expect(stage.take()).toEqual({ problems: [expect.stringContaining("cannot be used")] });
  expect(await stage.names()).toEqual([]);
});

test("output of calls that are not in the list is removed, and that of the list stays", async () => {
  await using stage = await createPlace();
  const name = `host.${GONE}`;
  await stage.leave(name, "a");
  for (const file of ["3.stdout", "3.stderr", "4.stdout", "x"])
    await stage.place.write(`${name}/${file}`, "");
  stage.take();
  expect((await readdir(stage.place.at(`host.${process.pid}`))).toSorted()).toEqual([
    "3.stdout",
    "kept.json",
  ]);
});

function takeFrom(directory: string): TakenKept {
  return takeLeftKept({ role: "host", directory, hasOwn: false });
}

test("a missing place has no calls and no problem, and a file in its place is a problem", async () => {
  await using place = await createTemporaryDirectory();
  expect(takeFrom(place.at("missing", "host.1"))).toEqual({ problems: [] });
  const file = await place.write("file", "");
  expect(takeFrom(place.at("file", "host.1"))).toEqual({
    problems: [expect.stringContaining(`Cannot take over old detached calls: "${file}" cannot be used`)],
  });
});

test("a local place is read in this process, and a child answers with the same", async () => {
  await using stage = await createPlace();
  const directory = stage.place.at(`host.${process.pid}`);
  const place: KeptPlace = { role: "host", directory, hasOwn: false };
  await stage.leave(`host.${GONE}`, "a");
  const taken = takeLeftKeptLate(place);
  // Nothing was waited for yet.
  expect(await stage.names()).toEqual([`host.${process.pid}`]);
  expect(idsOf(await taken)).toEqual(["a"]);
  const answer = answerKept({ kind: "kept", path: stage.place.path, ...place });
  expect(JSON.stringify(answer)).toContain('"id":"a"');
  expect(await takeLeftKeptLate({ ...place, directory: stage.place.at("no", "host.1") })).toEqual({
    problems: [],
  });
});
