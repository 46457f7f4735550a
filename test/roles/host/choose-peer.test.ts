/** The peer that a call to a guest gets: its session, or an agent in another dialect. */
import { expect, jest, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import type { CommandSummary } from "../../../src/methods/command-list.ts";
import type { ForeignDialect } from "../../../src/peers/dialect.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import { choosePeer } from "../../../src/roles/host/choose-peer.ts";
import type { PeerChoice, PeerWish } from "../../../src/roles/host/choose-peer.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { fakeTimersInEachTest } from "../../support/fake-timers.ts";
import { endpointAt } from "../../support/endpoint.ts";

/** The clock stands still, so that a time that is left is a whole one. */
fakeTimersInEachTest();

const CALLING = endpointAt("negotiator-host-to-guest.0");
const PUSHING: ForeignDialect = { ...MADE_UP, name: "pushing", takesPushed: true };
const BACKUP: CommandSummary = { name: "backup", kind: "user" };
const SILENT = new NegotiatorError("NO_CHANNEL", "silent");

const createPeer = (): Peer => ({
  can: { methods: undefined, notices: true, messages: true },
  call: () => {
    throw new Error("not called here");
  },
  notify: () => undefined,
});
const SESSION = createPeer();
const FOREIGN_PEERS = new Map<ForeignDialect, Peer>(
  [MADE_UP, LEGACY, PUSHING].map((dialect) => [dialect, createPeer()] as const),
);

/** The peer in this dialect. */
function foreignPeer(dialect: ForeignDialect): Peer {
  const peer = FOREIGN_PEERS.get(dialect);
  if (peer === undefined) throw new Error(`No peer speaks ${dialect.name}`);
  return peer;
}

type Facts = {
  calling?: Endpoint;
  foreign?: readonly (readonly [ForeignDialect, boolean | undefined])[];
  /** The number of commands that the host keeps; undefined if it cannot keep any. */
  commands?: number | undefined;
  /** Why the session does not answer. */
  refusal?: NegotiatorError;
  isSaved?: boolean;
  lookAgain?: (endpoints: PeerChoice["endpoints"]) => Promise<void>;
};

/** A guest with these facts. `steps` has what the choice asked for, in order. */
function createTrial({ calling, foreign = [], commands, refusal, isSaved, lookAgain }: Facts) {
  const steps: string[] = [];
  const foreignCalling = foreign.map(([dialect, connected]) => ({
    dialect,
    endpoint: endpointAt(dialect.name, connected),
  }));
  const endpoints = {
    calling,
    foreignCalling,
    saved: isSaved === true ? { endpoint: CALLING, since: new Date(0) } : undefined,
  };
  const choice: PeerChoice = {
    endpoints,
    links: {
      foreignPeer(dialect) {
        steps.push(dialect.name);
        return foreignPeer(dialect);
      },
    },
    pushed:
      commands === undefined
        ? undefined
        : {
            list: () => Promise.resolve(Array.from({ length: commands }, () => BACKUP)),
            read: () => Promise.reject(new Error("not read here")),
          },
    session: {
      session: { state: "open" },
      hurry: () => undefined,
      async peer(timeoutMs, signal) {
        steps.push(`session ${timeoutMs}${signal === undefined ? "" : ", can be aborted"}`);
        if (refusal !== undefined) throw refusal;
        return SESSION;
      },
    },
    reach: { dialNow: () => Promise.resolve(true) },
    hindrance: {
      async admit(_timeoutMs, _signal, isPatient) {
        if (isPatient === true) steps.push("patient");
        return true;
      },
    },
    explain: () => new NegotiatorError("NO_CHANNEL", "explained"),
    explainPort: (hasCommands) => new NegotiatorError("NO_CHANNEL", `no port, commands: ${hasCommands}`),
    async lookAgain() {
      steps.push("look");
      await lookAgain?.(endpoints);
    },
  };
  return {
    steps,
    choose: (timeoutMs = 0, wish?: PeerWish, signal?: AbortSignal) =>
      choosePeer(choice, timeoutMs, signal, wish),
  };
}

test("a saved guest is explained at once, whatever ports it has", async () => {
  const { choose, steps } = createTrial({ calling: CALLING, foreign: [[MADE_UP, true]], isSaved: true });
  expect((await rejectionOf(choose())).message).toBe("explained");
  expect(steps).toEqual([]);
});

test("a guest without another agent is called in its session, for as long as the caller waits", async () => {
  const { choose, steps } = createTrial({ calling: CALLING, foreign: [[MADE_UP, false]] });
  expect(await choose(60_000, {}, new AbortController().signal)).toBe(SESSION);
  expect(await choose(0, { isPatient: true })).toBe(SESSION);
  expect(steps).toEqual(["session 60000, can be aborted", "patient", "session 0"]);
});

test("the error of a session is the caller's if there is no other agent", async () => {
  const { choose } = createTrial({ calling: CALLING, refusal: SILENT });
  expect((await rejectionOf(choose())).message).toBe("silent");
});

test.each([
  [0, 2000],
  [1500, 1500],
  [2000, 2000],
  [60_000, 2000],
])(
  "beside another agent, a caller that waits %d ms waits %d ms for the session",
  async (timeoutMs, preferredMs) => {
    const { choose, steps } = createTrial({ calling: CALLING, foreign: [[MADE_UP, true]] });
    const wish = { isPatient: true };
    expect(await choose(timeoutMs, wish, new AbortController().signal)).toBe(SESSION);
    expect(steps).toEqual([`session ${preferredMs}, can be aborted`]);
  },
);

test("another agent is called if the session does not answer", async () => {
  const { choose, steps } = createTrial({
    calling: CALLING,
    foreign: [
      [MADE_UP, undefined],
      [LEGACY, true],
    ],
    refusal: SILENT,
  });
  expect(await choose(0, {}, new AbortController().signal)).toBe(foreignPeer(MADE_UP));
  expect(steps.at(-1)).toBe("made-up");
});

test("another agent is not called after another error of the session, and after an abort", async () => {
  const foreign = [[MADE_UP, true]] as const;
  const refusal = new NegotiatorError("UNSUPPORTED", "refused");
  const refused = createTrial({ calling: CALLING, foreign, refusal });
  expect((await rejectionOf(refused.choose())).message).toBe("refused");
  const aborted = createTrial({ calling: CALLING, foreign, refusal: SILENT });
  expect((await rejectionOf(aborted.choose(0, {}, AbortSignal.abort()))).message).toBe("silent");
  expect([...refused.steps, ...aborted.steps]).toEqual(["session 2000", "session 2000, can be aborted"]);
});

test("a guest without a port for the session is called in the first dialect with an open port", async () => {
  const { choose, steps } = createTrial({
    foreign: [
      [MADE_UP, false],
      [LEGACY, undefined],
      [PUSHING, true],
    ],
  });
  expect(await choose()).toBe(foreignPeer(LEGACY));
  expect(steps).toEqual([LEGACY.name]);
});

test("an agent for kept commands is called if there are some, and about itself always", async () => {
  const foreign = [
    [PUSHING, true],
    [MADE_UP, true],
  ] as const;
  const choose = (commands?: number, wish?: PeerWish) => createTrial({ foreign, commands }).choose(0, wish);
  expect(await choose()).toBe(foreignPeer(MADE_UP));
  expect(await choose(0)).toBe(foreignPeer(MADE_UP));
  expect(await choose(1)).toBe(foreignPeer(PUSHING));
  expect(await choose(0, { purpose: "facts" })).toBe(foreignPeer(PUSHING));
});

test.each([
  [undefined, false],
  [0, false],
  [1, true],
  [2, true],
])("a guest without any port is explained, with %p kept commands", async (commands, hasCommands) => {
  const { choose, steps } = createTrial({ commands });
  expect((await rejectionOf(choose())).message).toBe(`no port, commands: ${hasCommands}`);
  expect(steps).toEqual([]);
});

test("the finders do not look again for a guest whose open port is of no use to the call", async () => {
  const { choose, steps } = createTrial({ foreign: [[PUSHING, true]] });
  expect((await rejectionOf(choose())).message).toBe("no port, commands: false");
  expect(steps).toEqual([]);
});

/** A look that finds an agent at each port. */
async function openPorts({ foreignCalling }: PeerChoice["endpoints"]): Promise<void> {
  for (const { endpoint } of foreignCalling) endpoint.connected = true;
}

test("a guest whose agent has begun since the last look is called after another look", async () => {
  const { choose, steps } = createTrial({ foreign: [[PUSHING, false]], lookAgain: openPorts });
  expect(await choose(0, { purpose: "facts" })).toBe(foreignPeer(PUSHING));
  expect(steps).toEqual(["look", "pushing"]);
  const commands = createTrial({ foreign: [[PUSHING, false]], lookAgain: openPorts });
  expect((await rejectionOf(commands.choose())).message).toBe("no port, commands: false");
});

test("a guest whose agent has not begun is explained after another look", async () => {
  const foreign = [
    [MADE_UP, false],
    [PUSHING, true],
  ] as const;
  const { choose, steps } = createTrial({ foreign });
  expect((await rejectionOf(choose())).message).toBe("no port, commands: false");
  expect(steps).toEqual(["look"]);
});

test.each([
  [0, 5000],
  [1500, 1500],
  [60_000, 5000],
])("a caller that waits %d ms waits %d ms for a look that hangs", async (timeoutMs, lookMs) => {
  const began = Promise.withResolvers<void>();
  const { choose } = createTrial({
    foreign: [[MADE_UP, false]],
    lookAgain() {
      began.resolve();
      return new Promise(() => undefined);
    },
  });
  let isOver = false;
  const ended = rejectionOf(choose(timeoutMs)).finally(() => (isOver = true));
  await began.promise;
  await settle();
  jest.advanceTimersByTime(lookMs - 1);
  await settle();
  expect(isOver).toBe(false);
  jest.advanceTimersByTime(1);
  expect((await ended).message).toBe("no port, commands: false");
});

/** Lets promises settle. They need no timer. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}
