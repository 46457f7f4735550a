/** Rules about local users: a daemon decides on their calls before it passes them on. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { defineMethod } from "../../../src/methods/method.ts";
import { createLocalIdentity, findNamedUser } from "../../../src/roles/daemon/local-identity.ts";
import { createPeerShares } from "../../../src/roles/daemon/peer-shares.ts";
import { createPolicyCheck } from "../../../src/roles/daemon/policy-check-method.ts";
import { createRelay } from "../../../src/roles/daemon/relay.ts";
import { createServices } from "../../../src/roles/daemon/services.ts";
import type { RunText } from "../../../src/process/run-text.ts";
import { NATIVE } from "../../../src/peers/native.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { readAudit } from "../../support/audit-lines.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createServedLink } from "../../support/served-link.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { unsetConfig } from "../../support/unset-config.ts";

const ALICE = { uid: 1000, name: "alice", pid: 7, program: "negotiator" };
const ROOT = { uid: 0, name: "root" };

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** A guest that runs every command, and lists two of them. */
function createGuest() {
  const timeouts: number[] = [];
  const output = {
    [Symbol.asyncIterator]: nothing,
    bytes: 0,
    isTruncated: false,
    missedBytes: 0,
    cancel() {},
  };
  const peer: Peer = {
    can: NATIVE.can,
    notify: () => undefined,
    call(method, _params, { timeoutMs }) {
      timeouts.push(timeoutMs);
      const ended = { exitCode: null, signal: "SIGTERM", endedBy: "deadline", durationMs: 1 };
      const commands = ["restart", "stop"].map((name) => ({ name, kind: "user" }));
      return {
        isSent: true,
        result: Promise.resolve(method === "execute" ? ended : { commands }),
        reader: () => output,
        writer: () => {
          throw new Error("no input");
        },
        send: () => undefined,
        listen: () => undefined,
        cancel: () => undefined,
      };
    },
  };
  return { peer, timeouts };
}

async function createStage(policy: string, groups: readonly string[] | "unknown" = ["ops"]) {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  await directory.write("policy.toml", policy);
  const asked: (number | undefined)[] = [];
  const file = directory.at("audit.jsonl");
  const services = owned.use(
    createServices(
      "host",
      unsetConfig({
        ...DEFAULTS,
        policyFile: directory.at("policy.toml"),
        audit: { ...DEFAULTS.audit, file },
      }),
      {
        async findLocalUser(user) {
          asked.push(user.uid);
          return groups === "unknown" ? user : { ...user, groups };
        },
      },
    ),
  );
  const guest = createGuest();
  const status = defineMethod({
    name: "status",
    own: "question",
    params: v.unknown(),
    run: async () => ({ result: "well" }),
  });
  const checking = Promise.withResolvers<void>();
  const check = createPolicyCheck(async () => {
    await checking.promise;
    return { steps: [], isAllowed: true, problems: [], warnings: [], stale: null };
  });
  const { call } = services.relay([
    ...createRelay(() => Promise.resolve(guest.peer), createPeerShares()),
    status,
    check,
  ]);
  const kept = owned.move();
  const connect = (caller: object) => {
    const link = kept.use(createServedLink((incoming) => call({ ...incoming, caller })));
    return async (method: string, params: object, timeoutMs?: number) =>
      (await link.caller.call({ method, params, ...(timeoutMs === undefined ? {} : { timeoutMs }) }).answer)
        .result;
  };
  return {
    connect,
    asked,
    guest,
    endChecks: checking.resolve,
    async audit() {
      await until("the audit has a line", async () => (await readAudit(file)).length > 0);
      return readAudit(file);
    },
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}

const OPS = `
  [[rules]]
  action = "allow"
  groups = ["ops"]
  guests = ["web*"]
  commands = ["restart"]
  timeoutSeconds = 5
  rate = "2/hour"
  [[rules]]
  action = "allow"
`;
const RESTART = { guest: "web1", command: "restart", args: [] };

test("a local user's call runs under the deadline and rate of the rule that allows it", async () => {
  await using stage = await createStage(OPS);
  const alice = stage.connect(ALICE);
  expect(await alice("execute", RESTART)).toMatchObject({ endedBy: "limit" });
  expect(stage.guest.timeouts[0]).toBeLessThanOrEqual(5000);
  await alice("execute", RESTART, 1000);
  expect(stage.guest.timeouts[1]).toBeLessThanOrEqual(1000);
  expect(await rejectionOf(alice("execute", RESTART))).toMatchObject({ code: "BUSY" });
  const bob = stage.connect({ uid: 1001, name: "bob" });
  expect(await bob("execute", RESTART)).toMatchObject({ endedBy: "limit" });
  expect((await stage.audit())[0]).toMatchObject({
    direction: "outgoing",
    rule: 1,
    user: ALICE,
    peer: { guest: "web1" },
  });
});

test("a local user's call that no rule allows is denied, and the guest does not get it", async () => {
  await using stage = await createStage(OPS);
  const alice = stage.connect(ALICE);
  const error = await rejectionOf(alice("execute", { guest: "web1", command: "stop", args: [] }));
  expect(error).toMatchObject({
    code: "DENIED",
    message:
      'The host denies the command "stop": no rule of the policy allows it\n' +
      "See which rule decides: negotiator host check-policy --user alice web1 stop",
  });
  expect(await rejectionOf(alice("execute", { ...RESTART, guest: "db1" }))).toMatchObject({ code: "DENIED" });
  expect(stage.guest.timeouts).toEqual([]);
  expect((await stage.audit())[0]).toMatchObject({ rule: "no-match", decision: "denied", user: ALICE });
});

test("root runs a command that no rule allows, and its groups are not asked for", async () => {
  await using stage = await createStage(OPS);
  expect(await stage.connect(ROOT)("execute", { guest: "db1", command: "stop" })).toMatchObject({
    endedBy: "deadline",
  });
  expect(stage.asked).toEqual([]);
});

test("a policy without rules about users leaves them as they are, and asks for no groups", async () => {
  await using stage = await createStage('[[rules]]\naction = "deny"\n');
  await stage.connect(ALICE)("execute", RESTART);
  expect({ asked: stage.asked, calls: stage.guest.timeouts.length }).toEqual({ asked: [], calls: 1 });
});

test("under a policy with a mistake a local user is denied, and root is not", async () => {
  await using stage = await createStage("[[rules]\n");
  expect(await rejectionOf(stage.connect(ALICE)("execute", RESTART))).toMatchObject({ code: "DENIED" });
  expect(await rejectionOf(stage.connect(ALICE)("list-commands", { guest: "web1" }))).toMatchObject({
    code: "DENIED",
  });
  expect(await stage.connect(ALICE)("status", {})).toBe("well");
  expect(await stage.connect(ROOT)("execute", RESTART)).toMatchObject({ signal: "SIGTERM" });
});

test("a user whose groups are not known is denied", async () => {
  await using stage = await createStage(OPS, "unknown");
  expect(await rejectionOf(stage.connect(ALICE)("execute", RESTART))).toMatchObject({ code: "DENIED" });
});

test("a local user sees only commands of the guest that some rule allows", async () => {
  await using stage = await createStage(OPS);
  const list = (caller: object) => stage.connect(caller)("list-commands", { guest: "web1" });
  expect(await list(ALICE)).toEqual({ commands: [{ name: "restart", kind: "user" }] });
  expect(await list(ROOT)).toMatchObject({ commands: [{ name: "restart" }, { name: "stop" }] });
});

/** A system that answers these lines. */
function systemOf(answers: Readonly<Record<string, string>>, asked: string[] = []): RunText {
  return async (argv) => {
    const question = argv.join(" ");
    asked.push(question);
    const stdout = answers[question];
    return stdout === undefined
      ? { exitCode: question.startsWith("getent") ? 2 : 1, stdout: "", stderr: "no such user" }
      : { exitCode: 0, stdout, stderr: "" };
  };
}

test("the name of a user cannot be an option of the program that is asked", async () => {
  const asked: (readonly string[])[] = [];
  const run = (argv: readonly string[]) => {
    asked.push(argv);
    return Promise.resolve({ exitCode: 2, stdout: "", stderr: "" });
  };
  const error = await rejectionOf(findNamedUser("--service=files", run));
  expect(error.message).toStartWith('The system knows no user "--service=files"');
  expect(asked).toEqual([]);
});

test("a user's name and groups come from the system, once in five seconds", async () => {
  const asked: string[] = [];
  let nowMs = 0;
  const run = systemOf(
    {
      "getent passwd 1000": "alice:x:1000:1000::/home/alice:/bin/sh\n",
      "id -G -- alice": "1000 27\n",
      "getent group 1000 27": "alice:x:1000:\ndomain users:x:27:alice\n",
    },
    asked,
  );
  const find = createLocalIdentity({ run, now: () => nowMs });
  const groups = { groups: ["alice", "domain users"], groupIds: [1000, 27] };
  const alice = { uid: 1000, name: "alice", ...groups };
  expect([await find({ uid: 1000 }), await find({ uid: 1000 })]).toEqual([alice, alice]);
  expect(asked).toHaveLength(3);
  nowMs = 5000;
  await find({ uid: 1000, name: "alice" });
  expect(asked).toHaveLength(5);
});

test("a group without a name is known by its number, also if it is the first one of a user", async () => {
  const run = systemOf({
    "getent passwd 1000": "alice:x:1000:4242::/home/alice:/bin/sh\n",
    "id -G -- alice": "4242 27\n",
    "getent group 4242 27": "ops:x:27:alice\n",
  });
  expect(await createLocalIdentity({ run })({ uid: 1000 })).toEqual({
    uid: 1000,
    name: "alice",
    groups: ["ops"],
    groupIds: [4242, 27],
    hasNamelessGroup: true,
  });
});

test("a user whom the system does not know, or who hangs, has no groups", async () => {
  const unknown = await createLocalIdentity({ run: systemOf({}) })({ uid: 4711 });
  const hanging = await createLocalIdentity({
    run: () => Promise.reject(new NegotiatorError("TIMEOUT", "id took too long")),
  })({ uid: 4712, name: "eve" });
  expect([unknown, hanging]).toEqual([{ uid: 4711 }, { uid: 4712, name: "eve" }]);
});

test("a real user is found by its name with its groups, and an unknown one is refused", async () => {
  const { groups, groupIds, ...root } = await findNamedUser("root");
  expect(root).toEqual({ uid: 0, name: "root" });
  expect([groups, groupIds]).toEqual([expect.arrayContaining(["root"]), expect.arrayContaining([0])]);
  expect(await rejectionOf(findNamedUser("no-such-user"))).toMatchObject({ code: "BAD_CONFIG" });
});

test("one user has four checks of the policy at once, because each asks programs of the system", async () => {
  await using stage = await createStage(OPS);
  const ask = (caller: object) => stage.connect(caller)("check-policy", { command: "x", args: [] });
  const asked = Array.from({ length: 5 }, () => ask(ALICE));
  const ends = Promise.allSettled([...asked, ask({ uid: 0, name: "root" })]);
  expect(await Promise.race(asked.map(rejectionOf))).toMatchObject({ code: "BUSY" });
  stage.endChecks();
  const kinds = (await ends).map(({ status }) => status);
  expect([kinds.at(-1), kinds.filter((kind) => kind === "rejected").length]).toEqual(["fulfilled", 1]);
});
