/** Attacks with calls, and with hellos. */
import { encodeHello, PROTOCOL_VERSIONS } from "../../src/wire/session/handshake.ts";
import { PIECE_BYTES, repeatTo } from "../attack.ts";
import type { GuestAttack } from "../attack.ts";

const OPEN = { kind: "guest", port: "calling", opens: true, reads: true } as const;
const BACK = { kind: "guest", port: "back", opens: false, reads: true } as const;

const SLASHES = `--set=${"/".repeat(250_000)}`;
const GLOB_RULES = 20;
const GLOB_POLICY = Array.from(
  { length: GLOB_RULES },
  (_, at) => `[[rules]]\naction = "allow"\narguments = ["--set=**/N${at}/**/backup/*"]\n`,
).join("");
const ALLOW_REST = '[[rules]]\naction = "allow"\ncommands = ["find-*"]\narguments = []\n';

/** Near the most that a call may have. */
const ARGUMENTS = Array.from({ length: 4000 }, () => "y");

let calls = 0;

function execute(command: string, args: readonly string[]): Record<string, unknown> {
  const streams = { read: { stdout: 1024, stderr: 1024 }, write: [] };
  return {
    id: `attack-${calls++}-${crypto.randomUUID()}`,
    method: "execute",
    params: { command, args },
    streams,
  };
}

function frame(object: Record<string, unknown>): string {
  const body = JSON.stringify(object);
  return `${Buffer.byteLength(body)}\n${body}`;
}

const LISTS = repeatTo(PIECE_BYTES / 4, frame({ method: "list_commands", args: [], kw: {} }));
const OLDEST = repeatTo(
  PIECE_BYTES / 4,
  frame({ command: "find_ip_addresses", arguments: [], keyword_arguments: {} }),
);

function hello(): string {
  const bytes = encodeHello({
    nonce: crypto.randomUUID(),
    versions: PROTOCOL_VERSIONS,
    capabilities: [],
    agent: { name: "hostile", version: "6.6.6", role: "guest" },
    session: { id: crypto.randomUUID(), received: 0 },
    limits: { lineBytes: 1024 * 1024 },
  });
  return Buffer.from(bytes).toString();
}

/** The attacks by name. */
export const CALL_ATTACKS = {
  globs: {
    ...OPEN,
    what: "calls with 250,000 slashes, against 20 rules with wildcards",
    policy: GLOB_POLICY + ALLOW_REST,
    next: ({ numbered }) => numbered(execute("x", [SLASHES])),
  },
  "unknown-commands": {
    ...OPEN,
    what: "calls of commands that do not exist",
    next: ({ numbered }) =>
      Array.from({ length: 50 }, () => numbered(execute("find-disc-usage", []))).join(""),
  },
  "unread-answers": {
    ...OPEN,
    reads: false,
    what: "calls without reading their answers",
    next: ({ numbered }) =>
      Array.from({ length: 50 }, () => numbered(execute("find-disk-usage", []))).join(""),
  },
  "calls-of-values": {
    ...OPEN,
    what: "calls with 62,000 arguments",
    next: ({ numbered }) =>
      numbered(
        execute(
          "x",
          Array.from({ length: 62_000 }, () => "y"),
        ),
      ),
  },
  "calls-of-arguments": {
    ...OPEN,
    what: "calls with 4000 arguments of a command that does not exist",
    next: ({ numbered }) => numbered(execute("find-disc-usage", ARGUMENTS)),
  },
  "legacy-lists": { ...BACK, what: "lists for python-negotiator", next: () => LISTS },
  "oldest-requests": { ...BACK, what: "requests of python-negotiator 0.1", next: () => OLDEST },
  hellos: {
    ...BACK,
    what: "a hello after each hello",
    next: () => Array.from({ length: 100 }, hello).join(""),
  },
} as const satisfies Record<string, GuestAttack>;
