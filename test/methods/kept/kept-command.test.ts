/** A detached command has one end, its user's rights, and goes on in the program that replaces this one. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { isSamePeer } from "../../../src/methods/kept/kept-command.ts";
import { createKeptCommands } from "../../../src/methods/kept/kept-commands.ts";
import type { KeptLimits } from "../../../src/methods/kept/kept-commands.ts";
import type { RunningCommand } from "../../../src/process/run.ts";
import { errorOf, rejectionOf } from "../../support/error-of.ts";
import { CALLER } from "../../support/served-commands.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { ENDED_RESULT, UNTRUNCATED } from "./ended-command.ts";

const ASKER = { peer: CALLER, user: { uid: 7 } };
const LIMITS = { ofPeer: 9, ofAll: 9, memoryBytes: 10, mostBytes: 1000, keepMs: 60_000, mostKeepMs: 90_000 };
const FACTS = { id: "a-call", command: "report", keepMs: undefined };

/** Returns a set, and how often it has changed. */
async function createSet(limits: Partial<KeptLimits> = {}) {
  const spool = await createTemporaryDirectory();
  let changes = 0;
  const options = { directory: spool.path, ...LIMITS, ...limits };
  const kept = createKeptCommands(options, () => changes++);
  return {
    kept,
    options,
    changes: () => changes,
    async [Symbol.asyncDispose]() {
      await kept[Symbol.asyncDispose]();
      await spool[Symbol.asyncDispose]();
    },
  };
}

test("a command that runs has no end, and gets signals once it has started", async () => {
  await using set = await createSet();
  const command = set.kept.begin(ASKER, FACTS);
  expect(command).toMatchObject({ ...ASKER, id: "a-call", command: "report", result: undefined });
  expect(command.ages().finishedMs).toBeUndefined();
  expect(command.signal("SIGUSR1")).toBe(false);
  const signals: string[] = [];
  // A command takes no more of a running one than this.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  command.started({ signal: (name) => void signals.push(name) } as RunningCommand);
  expect(command.signal("SIGUSR1")).toBe(true);
  command.finish(ENDED_RESULT, UNTRUNCATED);
  expect([command.signal("SIGUSR1"), signals]).toEqual([false, ["SIGUSR1"]]);
});

test("a command that ends keeps its result and the end of both outputs", async () => {
  await using set = await createSet();
  const command = set.kept.begin(ASKER, FACTS);
  expect(set.changes()).toBe(1);
  command.finish(ENDED_RESULT, { stdout: { truncated: true }, stderr: { truncated: false } });
  expect(await command.ended).toEqual(ENDED_RESULT);
  expect(command.result).toEqual(ENDED_RESULT);
  expect(command.ages().finishedMs).toBeGreaterThanOrEqual(0);
  for (const [output, isTruncated] of [
    [command.stdout, true],
    [command.stderr, false],
  ] as const) {
    expect(await output.read(0).next()).toMatchObject({ done: true });
    expect([output.isEnded, output.isTruncated]).toEqual([true, isTruncated]);
  }
  expect(set.changes()).toBe(2);
});

test("a command that was not started is forgotten, and its callers get the error", async () => {
  await using set = await createSet();
  const command = set.kept.begin(ASKER, FACTS);
  command.fail(new NegotiatorError("DENIED", "no rule allows it"));
  expect(await rejectionOf(command.ended)).toMatchObject({ code: "DENIED" });
  await Promise.resolve();
  expect([set.kept.list(), set.changes()]).toEqual([[], 2]);
});

test("a cancelled command keeps the reason, also in the next program", async () => {
  await using set = await createSet();
  const command = set.kept.begin(ASKER, FACTS);
  expect(command.cancelled.aborted).toBe(false);
  command.cancel("root has cancelled it");
  await using next = await createSet();
  next.kept.thaw(set.kept.freeze());
  for (const { cancelled } of [command, next.kept.resume("a-call", CALLER)])
    expect(cancelled.reason).toMatchObject({ code: "CANCELLED", message: "root has cancelled it" });
});

test("the next program has running and ended commands, with their ages and files", async () => {
  await using set = await createSet();
  set.kept.begin(ASKER, FACTS);
  set.kept.begin(ASKER, { ...FACTS, id: "ended" }).finish(ENDED_RESULT, UNTRUNCATED);
  const frozen = set.kept.freeze();
  expect(frozen).toMatchObject({
    fileCount: 2,
    commands: [
      { ...ASKER, id: "a-call", command: "report", number: 1, keepMs: 60_000, mostBytes: 1000 },
      { id: "ended", number: 2, result: ENDED_RESULT },
    ],
  });
  const [running, ended] = frozen.commands;
  for (const key of ["finishedMs", "result", "cancelled"]) expect(running).not.toHaveProperty(key);
  expect(ended?.finishedMs).toBeGreaterThanOrEqual(0);
  const older = frozen.commands.map((one) => ({
    ...one,
    startedMs: 5000,
    ...(one.finishedMs !== undefined && { finishedMs: 4000 }),
  }));
  await using next = await createSet();
  next.kept.thaw({ ...frozen, commands: older });
  const [resumed, kept] = next.kept.list();
  expect(resumed?.ages().startedMs).toBeGreaterThanOrEqual(5000);
  expect(resumed?.ages().finishedMs).toBeUndefined();
  expect(kept?.ages().finishedMs).toBeGreaterThanOrEqual(4000);
  expect(kept?.ages().finishedMs).toBeLessThan(60_000);
  expect(await kept?.ended).toEqual(ENDED_RESULT);
  expect(next.kept.begin(ASKER, { ...FACTS, id: "third" }).freeze()).toMatchObject({ id: "third" });
  expect(next.kept.freeze().fileCount).toBe(3);
});

test("a command whose daemon was killed has an unknown outcome", async () => {
  await using set = await createSet();
  set.kept.begin(ASKER, FACTS);
  const frozen = set.kept.freeze();
  await using next = await createSet();
  next.kept.thaw({ ...frozen, commands: frozen.commands.map((one) => ({ ...one, isLost: true })) });
  expect(await rejectionOf(next.kept.resume("a-call", CALLER).ended)).toMatchObject({
    code: "UNKNOWN_OUTCOME",
    message:
      'The outcome of "report" is unknown: the daemon that ran it was killed\n' +
      "Look in its own log or files how far it came, before you run it again",
  });
});

test.each([
  [undefined, 60_000],
  [1000, 1000],
  [95_000, 90_000],
])("with a wish of %p ms a command is kept for %d ms", async (keepMs, expected) => {
  await using set = await createSet();
  set.kept.begin(ASKER, { ...FACTS, keepMs });
  expect(set.kept.freeze().commands).toMatchObject([{ keepMs: expected }]);
});

test("a command that was kept for its time is forgotten at any look, and a running one never", async () => {
  await using set = await createSet();
  set.kept.begin(ASKER, { ...FACTS, id: "runs", keepMs: 0 });
  for (const look of [
    () => set.kept.list().map(({ id }) => id),
    () => set.kept.get("ended") ?? ["runs"],
    () => errorOf(() => set.kept.find("ended", ASKER)).code === "NO_CALL" && ["runs"],
    () => (set.kept.expire(), set.kept.freeze().commands.map(({ id }) => id)),
    async () => (await set.kept.save()).commands.map(({ id }) => id),
  ]) {
    set.kept.begin(ASKER, { ...FACTS, id: "ended", keepMs: 0 }).finish(ENDED_RESULT, UNTRUNCATED);
    expect(await look()).toEqual(["runs"]);
  }
});

test.each([
  [{ uid: 7 }, true],
  [{ uid: 0 }, true],
  [undefined, true],
  [{}, true],
  [{ uid: 8 }, false],
])("the user %j of the same peer may see a command: %p", async (user, isSeen) => {
  await using set = await createSet();
  const command = set.kept.begin(ASKER, FACTS);
  const find = () => set.kept.find("a-call", { peer: CALLER, user });
  if (isSeen) expect(find()).toBe(command);
  else expect(errorOf(find)).toMatchObject({ code: "NO_CALL" });
});

test("peers reach no commands of each other, and may use the same id", async () => {
  await using set = await createSet();
  const other = { peer: { via: "guest", name: "web2" } as const, user: { uid: 7 } };
  const command = set.kept.begin(ASKER, FACTS);
  expect(errorOf(() => set.kept.find("a-call", other))).toMatchObject({
    code: "NO_CALL",
    message: expect.stringMatching(/^There is no detached call "a-call" of yours\n/),
  });
  expect(errorOf(() => set.kept.resume("a-call", other.peer))).toMatchObject({ code: "NO_CALL" });
  expect(set.kept.resume("a-call", CALLER)).toBe(command);
  const second = set.kept.begin(other, FACTS);
  expect(set.kept.find("a-call", other)).toBe(second);
  // Of several, the one that runs counts.
  expect(set.kept.get("a-call")).toBe(command);
  command.finish(ENDED_RESULT, UNTRUNCATED);
  expect(set.kept.get("a-call")).toBe(second);
  second.finish(ENDED_RESULT, UNTRUNCATED);
  expect([set.kept.get("a-call"), set.kept.get("none")]).toEqual([command, undefined]);
});

test("an id is used once", async () => {
  await using set = await createSet();
  set.kept.begin(ASKER, FACTS).finish(ENDED_RESULT, UNTRUNCATED);
  expect(errorOf(() => set.kept.begin(ASKER, FACTS))).toMatchObject({
    code: "BAD_REQUEST",
    message: 'Cannot detach the call: its id "a-call" was used before\nMake each id from 128 random bits',
  });
});

test("the same peer is the same guest, by its uuid if it has one", () => {
  const renamed = { ...CALLER, name: "web9" };
  const plain = { via: "guest", name: "web1" } as const;
  expect(isSamePeer(CALLER, renamed)).toBe(true);
  expect(isSamePeer(CALLER, plain)).toBe(false);
  expect(isSamePeer(plain, { ...plain })).toBe(true);
});
