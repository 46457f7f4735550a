/** Detached commands: they outlive their callers, and later callers get their output and result. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmod, readdir } from "node:fs/promises";
import * as v from "valibot";
import { createAttachCommand } from "../../src/methods/attach-command.ts";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import { createExecute } from "../../src/methods/execute.ts";
import { createKeptCommands } from "../../src/methods/kept/kept-commands.ts";
import { createListCalls } from "../../src/methods/list-calls.ts";
import { CallListSchema } from "../../src/methods/listed-call.ts";
import { createCancelCommand, createSignalCommand } from "../../src/methods/signal-command.ts";
import type { Caller } from "../../src/policy/caller.ts";
import { DEFAULT_POLICY } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import type { CallOptions, OutgoingCall } from "../../src/wire/calls/outgoing-call.ts";
import type { CallerInfo } from "../../src/wire/message.ts";
import { createTestCatalogue } from "../support/catalogue.ts";
import { keepEntries } from "../support/audit-sample.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createUserCache } from "../../src/process/user-cache.ts";
import { createServedLink } from "../support/served-link.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

setDefaultTimeout(180_000);

const WEB1: Caller = { via: "guest", name: "web1", uuid: "00000000-0000-4000-8000-000000000001" };
const WEB2: Caller = { via: "guest", name: "web2", uuid: "00000000-0000-4000-8000-000000000002" };
const ALICE: CallerInfo = { uid: 1000, name: "alice" };
const BOB: CallerInfo = { uid: 1001, name: "bob" };
const ROOT: CallerInfo = { uid: 0, name: "root" };

const SCRIPTS = {
  quick: "echo out; echo err >&2; exit 7",
  long: "echo begun; trap 'echo got it; exit 3' USR1; while :; do sleep 0.01; done",
  loud: "head -c 200000 /dev/zero",
};

let commands: TemporaryDirectory;
beforeAll(async () => {
  commands = await createTemporaryDirectory();
  for (const [name, script] of Object.entries(SCRIPTS))
    await chmod(await commands.write(name, `#!/bin/sh\n${script}\n`), 0o755);
});
afterAll(() => commands[Symbol.asyncDispose]());

const LIMITS = {
  ofPeer: 3,
  ofAll: 4,
  memoryBytes: 1000,
  mostBytes: 100_000,
  keepMs: 60_000,
  mostKeepMs: 90_000,
};

const sources = () => ({ directories: [commands.path], builtins: [], uid: process.getuid?.() ?? 0 });

/** A side that runs commands, and any number of peers that call it. */
async function createScene(changes: Partial<typeof LIMITS> = {}) {
  const disposal = new AsyncDisposableStack();
  const spool = disposal.use(await createTemporaryDirectory());
  const kept = disposal.use(createKeptCommands({ directory: spool.path, ...LIMITS, ...changes }));
  disposal.defer(async () => {
    const running = kept.list();
    for (const command of running) command.cancel("the test is over");
    await Promise.allSettled(running.map(({ ended }) => ended));
  });
  const methods = [
    createExecute({
      role: "host",
      commands: createTestCatalogue(sources),
      users: createUserCache(),
      openCalls: 20,
      kept,
    }),
    createAttachCommand(kept),
    createSignalCommand(kept),
    createCancelCommand(kept),
    createListCalls(kept),
  ];
  let ids = 0;
  const connect = (peer: Caller) => {
    const { call } = createDispatcher({
      role: "host",
      direction: "incoming",
      caller: peer,
      methods,
      policy: () => DEFAULT_POLICY,
      quota: createQuota(),
      audit: keepEntries(() => undefined),
      now: () => performance.now(),
    });
    const link = disposal.use(createServedLink(call));
    const ask = (method: string, params: object, more: Partial<CallOptions> = {}): OutgoingCall =>
      link.caller.call({ id: `a-number-of-a-call-${++ids}`, method, params, ...more });
    const detach = async (command: string, more: Partial<CallOptions> = {}): Promise<string> => {
      const started = Promise.withResolvers<void>();
      const call = ask("execute", { command }, { isDetached: true, ...more });
      call.listen((name) => name === "started" && started.resolve());
      call.answer.then(() => started.resolve(), started.reject);
      await started.promise;
      return call.id;
    };
    const attach = async (id: string, caller: CallerInfo = ROOT, from = "start") => {
      const call = ask("attach-command", { call: id, from }, { read: ["stdout", "stderr"], caller });
      const [stdout, stderr] = await Promise.all(
        ["stdout", "stderr"].map(async (stream) =>
          Buffer.concat(await Array.fromAsync(call.reader(stream))).toString(),
        ),
      );
      const { result, streams } = await call.answer;
      const truncated = { stdout: streams["stdout"]?.truncated, stderr: streams["stderr"]?.truncated };
      return { stdout, stderr, result, truncated };
    };
    return { ask, detach, attach };
  };
  return { connect, kept, spool, [Symbol.asyncDispose]: () => disposal.disposeAsync() };
}

test("the output and the result of a command that has ended are there for every attach", async () => {
  await using scene = await createScene();
  const { detach, attach } = scene.connect(WEB1);
  const id = await detach("quick", { caller: ALICE });
  const whole = {
    stdout: "out\n",
    stderr: "err\n",
    result: { exitCode: 7, endedBy: "command" },
    truncated: { stdout: undefined, stderr: undefined },
  };
  expect(await attach(id, ALICE)).toMatchObject(whole);
  expect(await attach(id, ROOT)).toMatchObject(whole);
});

test("an attach follows a command that runs, from its start or from now on", async () => {
  await using scene = await createScene();
  const { ask, detach, attach } = scene.connect(WEB1);
  const id = await detach("long");
  await until("it has written", () => scene.kept.get(id)?.stdout.end === "begun\n".length);
  const attached = [attach(id), attach(id, ROOT, "now")];
  await until("both follow it", () => scene.kept.get(id) !== undefined);
  await ask("signal-command", { call: id, signal: "SIGUSR1" }).answer;
  const [whole, rest] = await Promise.all(attached);
  expect(whole).toMatchObject({ stdout: "begun\ngot it\n", result: { exitCode: 3 } });
  expect(rest).toMatchObject({ stdout: "got it\n", result: { exitCode: 3 } });
});

test("cancel ends the command, and tells how it ended", async () => {
  await using scene = await createScene();
  const { ask, detach } = scene.connect(WEB1);
  const id = await detach("long");
  const { result } = await ask("cancel-command", { call: id }).answer;
  expect(result).toMatchObject({ signal: "SIGTERM", endedBy: "cancel" });
  expect((await rejectionOf(ask("cancel-command", { call: id }).answer)).message).toStartWith(
    `The call "${id}" has ended already`,
  );
});

test("of long output the last bytes are kept, in a file, and its total says that it is cut", async () => {
  await using scene = await createScene();
  const { detach, attach } = scene.connect(WEB1);
  const id = await detach("loud");
  await attach(id);
  expect(await readdir(scene.spool.path)).toHaveLength(1);
  const late = await attach(id);
  expect(late.stdout?.length).toBe(LIMITS.mostBytes);
  expect(late.truncated).toEqual({ stdout: true, stderr: undefined });
});

describe("a detached command is there", () => {
  test.each<[string, CallerInfo, boolean]>([
    ["its own user", ALICE, true],
    ["root", ROOT, true],
    ["a peer that does not say the user", {}, true],
    ["another user", BOB, false],
  ])("for %s: %j → %p", async (_, user, isThere) => {
    await using scene = await createScene();
    const { detach, ask } = scene.connect(WEB1);
    const id = await detach("quick", { caller: ALICE });
    for (const [method, params] of [
      ["attach-command", { call: id }],
      ["signal-command", { call: id, signal: "SIGINT" }],
      ["cancel-command", { call: id }],
    ] as const) {
      const call = ask(method, params, { caller: user });
      const error = await call.answer.then(
        () => undefined,
        (thrown: { code: string }) => thrown.code,
      );
      expect(error === "NO_CALL").toBe(!isThere);
    }
  });

  test("not for another guest, also if its root asks", async () => {
    await using scene = await createScene();
    const id = await scene.connect(WEB1).detach("quick", { caller: ROOT });
    const error = await rejectionOf(scene.connect(WEB2).ask("attach-command", { call: id }).answer);
    expect(error).toMatchObject({ code: "NO_CALL" });
    expect(error.message).toContain(`There is no detached call "${id}" of yours`);
  });
});

test("a list has the detached commands of the peer with their results, and not those of others", async () => {
  await using scene = await createScene();
  const { detach, attach, ask } = scene.connect(WEB1);
  const id = await detach("quick", { caller: ALICE });
  await scene.connect(WEB2).detach("quick");
  await attach(id);
  const { result } = await ask("list-calls", {}).answer;
  const { calls } = v.parse(CallListSchema, result);
  expect(calls.filter(({ isDetached }) => isDetached)).toMatchObject([
    { id, command: "quick", state: "finished", caller: ALICE, exitCode: 7, signal: null, endedBy: "command" },
  ]);
});

test("a peer and all peers may have so many commands that run, and each peer one in any case", async () => {
  await using scene = await createScene();
  const { detach } = scene.connect(WEB1);
  for (let count = 0; count < LIMITS.ofPeer; count++) await detach("long");
  expect(await rejectionOf(detach("long"))).toMatchObject({ code: "BUSY" });
  const other = scene.connect(WEB2);
  const kept = await other.detach("quick");
  await other.attach(kept);
  const third = scene.connect({ via: "guest", name: "web3" });
  await third.detach("long");
  const error = await rejectionOf(third.detach("long"));
  expect(error.message).toStartWith(
    "Cannot detach the call: there are 4 detached calls of all callers already",
  );
  expect(await other.attach(kept)).toMatchObject({ stdout: "out\n" });
});

test("a command that has ended gives way to a new one, the oldest of the peer with the most", async () => {
  await using scene = await createScene();
  const [one, two] = [scene.connect(WEB1), scene.connect(WEB2)];
  const ids: string[] = [];
  for (let count = 0; count < LIMITS.ofPeer; count++) {
    ids.push(await one.detach("quick"));
    await one.attach(ids[count] ?? "");
  }
  await two.detach("long");
  const newest = await two.detach("long");
  const there = scene.kept.list().map(({ id }) => id);
  expect(there).toContain(newest);
  expect(there.filter((id) => ids.includes(id))).toEqual(ids.slice(1));
});

test("a user who detaches many commands pushes out its own results, and not those of others", async () => {
  await using scene = await createScene();
  const { detach, attach } = scene.connect(WEB1);
  const results = await Promise.all([detach("quick", { caller: BOB }), detach("quick", { caller: ROOT })]);
  for (let count = 0; count < 2 * LIMITS.ofPeer; count++)
    await attach(await detach("quick", { caller: ALICE }));
  const there = scene.kept.list().map(({ id }) => id);
  expect(there).toEqual(expect.arrayContaining(results));
  expect(there).toHaveLength(LIMITS.ofPeer);
});

test("an id that is kept is refused to its peer, and is another call for another peer", async () => {
  await using scene = await createScene();
  const [one, two] = [scene.connect(WEB1), scene.connect(WEB2)];
  const id = await one.detach("long", { id: "an-id-that-two-peers-have" });
  expect(await two.detach("quick", { id })).toBe(id);
  expect(await one.ask("list-calls", {}).answer).toMatchObject({
    result: { calls: expect.arrayContaining([expect.objectContaining({ id, command: "long" })]) },
  });
  expect(await two.attach(id)).toMatchObject({ stdout: "out\n" });
  expect(scene.kept.list()).toHaveLength(2);
  expect(scene.kept.get(id)?.command).toBe("long");
  const asker = { peer: WEB1 };
  expect(() => scene.kept.begin(asker, { id, command: "quick", keepMs: undefined })).toThrow(
    "was used before",
  );
  expect(scene.kept.get(id)?.command).toBe("long");
});

test("a command that cannot be started is not kept, and its caller learns why", async () => {
  await using scene = await createScene();
  const { detach } = scene.connect(WEB1);
  expect(await rejectionOf(detach("missing"))).toMatchObject({ code: "NO_COMMAND" });
  expect(scene.kept.list()).toEqual([]);
});

test("a command that has ended is kept for the time of its call, and its files are removed", async () => {
  await using scene = await createScene();
  const { detach, ask } = scene.connect(WEB1);
  const id = await detach("loud", { keepMs: 1 });
  await until("it is forgotten", () => scene.kept.get(id) === undefined);
  await until("its files are gone", async () => (await readdir(scene.spool.path)).length === 0);
  expect(await rejectionOf(ask("attach-command", { call: id }).answer)).toMatchObject({ code: "NO_CALL" });
});
