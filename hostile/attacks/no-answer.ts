/** Attacks with messages that need no answer. */
import { repeatTo, PIECE_BYTES } from "../attack.ts";
import type { Formatter, GuestAttack } from "../attack.ts";

const OPEN = { kind: "guest", port: "calling", opens: true, reads: true } as const;

/** So many values are near the most that one message may have. */
const MEMBERS = Object.fromEntries(Array.from({ length: 62_000 }, (_, at) => [`m${at}`, at]));
const TEXT = "x".repeat(200_000);
const BLOCK_MESSAGES = 2000;

function many(make: (format: Formatter) => string): GuestAttack["next"] {
  return (format) => Array.from({ length: BLOCK_MESSAGES }, () => make(format)).join("");
}

/** Sends the same line again and again: it has no number, or an old one. */
function same(members: Record<string, unknown>): GuestAttack["next"] {
  let block: string | undefined;
  return ({ line }) => (block ??= repeatTo(PIECE_BYTES, line(members)));
}

/** The attacks by name. */
export const NO_ANSWER_ATTACKS = {
  "notices-of-values": {
    ...OPEN,
    what: "notices with 62,000 members each",
    next: ({ numbered }) => numbered({ method: "x", params: MEMBERS }),
  },
  "notices-of-text": {
    ...OPEN,
    what: "notices of 200 kB",
    next: ({ numbered }) => numbered({ method: "x", params: { text: TEXT } }),
  },
  notices: { ...OPEN, what: "short notices", next: many(({ numbered }) => numbered({ method: "x" })) },
  pings: { ...OPEN, what: "pings", next: same({ method: "session.ping", params: {} }) },
  pongs: { ...OPEN, what: "pongs", next: same({ method: "session.pong", params: {} }) },
  acknowledgements: {
    ...OPEN,
    what: "acknowledgements of nothing new",
    next: same({ method: "session.ack", params: { received: 0 } }),
  },
  "unknown-messages": {
    ...OPEN,
    what: "protocol messages of a later version",
    next: same({ method: "session.later", params: { text: TEXT.slice(0, 1000) } }),
  },
  answers: {
    ...OPEN,
    what: "answers to calls that were never made",
    next: many(({ numbered }) => numbered({ id: "none", result: {}, streams: {} })),
  },
  credit: {
    ...OPEN,
    what: "credit for streams of calls that are not open",
    next: many(({ numbered }) =>
      numbered({ method: "stream.credit", params: { call: "none", stream: "stdin", limit: 1 } }),
    ),
  },
  "stream-data": {
    ...OPEN,
    what: "stream chunks of calls that are not open",
    next: ({ numbered }) => {
      const params = { call: "none", stream: "stdin", offset: 0, text: TEXT.slice(0, 60_000) };
      return numbered({ method: "stream.data", params }) + numbered({ method: "stream.data", params });
    },
  },
  "call-messages": {
    ...OPEN,
    what: "messages for calls that are not open",
    next: many(({ numbered }) =>
      numbered({ method: "call.message", params: { call: "none", name: "signal", value: "SIGINT" } }),
    ),
  },
  duplicates: {
    ...OPEN,
    what: "one numbered message again and again",
    next: same({ seq: 1, method: "x", params: { text: TEXT.slice(0, 500) } }),
  },
} as const satisfies Record<string, GuestAttack>;
