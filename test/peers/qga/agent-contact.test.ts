/** The version of a QEMU guest agent and its blocked commands, asked from a scripted one in memory. */
import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import type { ForeignContact, ForeignPeer } from "../../../src/peers/dialect.ts";
import { AGENT } from "../../../src/peers/qga/agent.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { until } from "../../support/until.ts";

/** Answers requests by the name of their command. Others are unknown. */
type Script = Record<string, () => Promise<unknown>>;

const WHOLE = [
  "guest-exec",
  "guest-exec-status",
  "guest-file-open",
  "guest-file-read",
  "guest-file-write",
  "guest-file-close",
  "guest-fsfreeze-freeze",
  "guest-fsfreeze-thaw",
  "guest-shutdown",
];

function info(version: unknown, blocked: readonly string[] = [], names: readonly string[] = WHOLE): unknown {
  const commands = names.map((name) => ({
    name,
    enabled: !blocked.includes(name),
    "success-response": true,
  }));
  return { version, supported_commands: commands };
}

async function serve(channel: Channel, script: Script, asked: string[]): Promise<void> {
  let text = "";
  for await (const bytes of channel) {
    text += Buffer.from(bytes).toString("latin1").replaceAll("\xff", "");
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n")) {
      const { execute, arguments: given } = JSON.parse(text.slice(0, end));
      text = text.slice(end + 1);
      const isSync = execute === "guest-sync-delimited";
      if (!isSync) asked.push(execute);
      const unknown = { error: { class: "CommandNotFound", desc: `${execute} has not been found` } };
      const answer = script[execute];
      const value = answer === undefined ? unknown : { return: await answer() };
      const line = isSync ? `\xff{"return": ${given.id}}` : JSON.stringify(value);
      await channel.write(Buffer.from(`${line}\n`, "latin1"));
    }
  }
}

type Scene = { peer: ForeignPeer; contact: ForeignContact; asked: string[]; down: { is: boolean } };

function createScene(script: Script): Scene {
  const [asked, down] = [[] as string[], { is: false }];
  const peer = AGENT.createPeer({
    agent: { name: "test", version: "0", role: "host" },
    makeId: () => crypto.randomUUID(),
    limits: DEFAULT_LIMITS,
    async dial() {
      if (down.is) throw new NegotiatorError("NO_CHANNEL", "nothing listens");
      const pair = createMemoryPair({ capacityBytes: 1024 * 1024 });
      pair.flow();
      void serve(pair.ends[1], script, asked).catch(() => undefined);
      return pair.ends[0];
    },
    isUpgraded: () => false,
    upgradedPeer: () => Promise.reject(new Error("no other agent")),
    life: new AbortController().signal,
  });
  const { contact } = peer;
  if (contact === undefined) throw new Error("The peer has no contact");
  return { peer, contact, asked, down };
}

const ping = (peer: ForeignPeer): Promise<unknown> =>
  peer.call("guest-get-host-name", {}, { timeoutMs: 0 }).result;
const named: Script = { "guest-get-host-name": () => Promise.resolve({ "host-name": "web1" }) };

const LISTS: readonly [name: string, answer: unknown, cannot: string[]][] = [
  ["that allows all", info("9.2.0"), []],
  ["that blocks guest-exec", info("9.2.0", ["guest-exec"]), ["cannot run commands: guest-exec is blocked"]],
  [
    "that blocks files and exec",
    info("9.2.0", WHOLE.slice(0, 6)),
    ["cannot run commands: guest-exec, guest-exec-status and guest-file-* are blocked"],
  ],
  [
    "that is too old to freeze",
    info("9.2.0", [], WHOLE.slice(0, 6).concat("guest-shutdown")),
    ["cannot freeze file systems: guest-fsfreeze-freeze and guest-fsfreeze-thaw are unknown to it"],
  ],
  [
    "that blocks a shutdown",
    info("9.2.0", ["guest-shutdown"]),
    ["cannot shut the guest down: guest-shutdown is blocked"],
  ],
];

test.each(LISTS)("of an agent %s, version and what it cannot do are known", async (_, answer, cannot) => {
  const { contact } = createScene({ "guest-info": () => Promise.resolve(answer) });
  expect(contact.facts).toBeUndefined();
  await contact.learn();
  expect(contact.facts).toEqual({ version: "9.2.0", cannot });
});

test("an agent is asked once, and again after its contact has changed", async () => {
  const { contact, asked } = createScene({ "guest-info": () => Promise.resolve(info("1")) });
  await Promise.all([contact.learn(), contact.learn()]);
  await contact.learn();
  expect(asked).toEqual(["guest-info"]);
  contact.renew();
  expect(contact.facts).toBeUndefined();
  await contact.learn();
  expect(asked).toEqual(["guest-info", "guest-info"]);
});

test.each([
  ["without the command", {}],
  ["with a senseless answer", { "guest-info": () => Promise.resolve({ version: 5 }) }],
])("an agent %s answers, and is asked once", async (_, script: Script) => {
  const { contact, asked } = createScene(script);
  await contact.learn();
  await contact.learn();
  expect([contact.facts, contact.failure, asked]).toEqual([
    { version: null, cannot: [] },
    undefined,
    ["guest-info"],
  ]);
});

test("a version with a line end and of great length stays one short line", async () => {
  const { contact } = createScene({ "guest-info": () => Promise.resolve(info(`a\nb${"c".repeat(5000)}`)) });
  await contact.learn();
  expect(contact.facts?.version).toMatch(/^a; bc+/);
  expect(contact.facts?.version?.length).toBeLessThan(100);
});

test("while a call runs, the agent is not asked for facts", async () => {
  const answer = Promise.withResolvers<unknown>();
  const facts = { "guest-info": () => Promise.resolve(info("1")) };
  const { peer, contact, asked } = createScene({ "guest-get-host-name": () => answer.promise, ...facts });
  const call = ping(peer);
  await until("the call is at the agent", () => asked.length > 0);
  await contact.learn();
  answer.resolve({ "host-name": "web1" });
  await call;
  await until("the call is over", () => peer.callCount === 0);
  expect(asked).toEqual(["guest-get-host-name"]);
  await contact.learn();
  expect(contact.facts?.version).toBe("1");
});

test("a failed contact is kept until one succeeds, and the facts are asked for again then", async () => {
  const { peer, contact, asked, down } = createScene({
    "guest-info": () => Promise.resolve(info("1")),
    ...named,
  });
  await contact.learn();
  down.is = true;
  expect((await rejectionOf(ping(peer))).code).toBe("NO_CHANNEL");
  expect(contact.failure?.error.message).toBe("nothing listens");
  expect(contact.facts?.version).toBe("1");
  down.is = false;
  await ping(peer);
  await until("the call is over", () => peer.callCount === 0);
  expect([contact.failure, contact.facts]).toEqual([undefined, undefined]);
  await contact.learn();
  expect(asked).toEqual(["guest-info", "guest-get-host-name", "guest-info"]);
});
