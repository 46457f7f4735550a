/** The contact with a QEMU guest agent: whether it answers, its version, and what it cannot do. */
import * as v from "valibot";
import type { NegotiatorError } from "../../errors.ts";
import { shorten } from "../../shorten.ts";
import { clipText } from "../../wire/message.ts";
import type { ForeignContact, ForeignFacts } from "../dialect.ts";

/** A contact that follows the requests to the agent. */
export type AgentContact = ForeignContact & {
  /** Takes the outcome of each request; without `error`, the agent has answered. */
  follow(error?: NegotiatorError): void;
};

/** `ask` sends `guest-info`. `isBusy`: a call runs. */
export type AgentContactOptions = { ask: () => Promise<unknown>; isBusy: () => boolean };

/** A silent agent holds its socket for five seconds each time. */
const AGAIN_MS = 10_000;

/** Creates a contact without any request. */
export function createAgentContact({ ask, isBusy }: AgentContactOptions): AgentContact {
  let facts: ForeignFacts | undefined;
  let failure: ForeignContact["failure"];
  let triedMs: number | undefined;
  let learning: Promise<void> | undefined;
  let round = 0;

  const askNow = async (): Promise<void> => {
    const asked = round;
    const answer = await ask().catch(() => undefined);
    if (asked === round && failure === undefined) facts = readFacts(answer);
  };

  return {
    get facts() {
      return facts;
    },
    get failure() {
      return failure;
    },
    get wasTried() {
      return triedMs !== undefined;
    },
    learn() {
      if (learning !== undefined) return learning;
      const hasJustFailed = failure !== undefined && performance.now() - (triedMs ?? 0) < AGAIN_MS;
      const isKnown = facts !== undefined && failure === undefined;
      if (isBusy() || isKnown || hasJustFailed) return Promise.resolve();
      learning = askNow().finally(() => (learning = undefined));
      return learning;
    },
    renew() {
      [facts, failure, triedMs] = [undefined, undefined, undefined];
      round++;
    },
    follow(error) {
      triedMs = performance.now();
      // The agent that answers again may be another one.
      if (error === undefined && failure !== undefined) facts = undefined;
      failure = error === undefined ? undefined : { error, since: failure?.since ?? new Date() };
    },
  };
}

// Source of the members: QEMU's `qga/qapi-schema.json`.
const InfoSchema = v.object({
  version: v.string(),
  supported_commands: v.array(v.object({ name: v.string(), enabled: v.boolean() })),
});

const VERSION_LENGTH = 60;

/** The commands that each ability needs. */
const NEEDS: readonly [ability: string, commands: readonly string[]][] = [
  [
    "run commands",
    [
      "guest-exec",
      "guest-exec-status",
      "guest-file-open",
      "guest-file-read",
      "guest-file-write",
      "guest-file-close",
    ],
  ],
  ["freeze file systems", ["guest-fsfreeze-freeze", "guest-fsfreeze-thaw"]],
  ["shut the guest down", ["guest-shutdown"]],
];

/** An agent that answers nothing useful is there all the same. */
function readFacts(answer: unknown): ForeignFacts {
  const { success, output } = v.safeParse(InfoSchema, answer);
  if (!success) return { version: null, cannot: [] };
  const known = new Map(output.supported_commands.map(({ name, enabled }) => [name, enabled]));
  const cannot = NEEDS.flatMap(([ability, commands]) => {
    const [blocked, unknown] = [false, undefined].map((state) =>
      commands.filter((name) => known.get(name) === state),
    );
    const problems = [...explain(blocked, "blocked"), ...explain(unknown, "unknown to it")];
    return problems.length === 0 ? [] : [`cannot ${ability}: ${problems.join(", ")}`];
  });
  return { version: clipText(shorten(output.version, VERSION_LENGTH)), cannot };
}

function explain(names: readonly string[] = [], state: string): string[] {
  const files = names.filter((name) => name.startsWith(FILES));
  const others = names.filter((name) => !name.startsWith(FILES));
  const all = files.length > 1 ? [...others, `${FILES}*`] : names;
  const last = all.at(-1);
  if (last === undefined) return [];
  const list = all.length === 1 ? last : `${all.slice(0, -1).join(", ")} and ${last}`;
  return [`${list} ${names.length === 1 ? "is" : "are"} ${state}`];
}

const FILES = "guest-file-";
