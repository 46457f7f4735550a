/** Attacks with bytes that are not messages. */
import { PIECE_BYTES, repeatTo } from "../attack.ts";
import type { GuestAttack } from "../attack.ts";

const GUEST = { kind: "guest", port: "calling", reads: true } as const;
const RANDOM = crypto.getRandomValues(new Uint8Array(64 * 1024));
const LINE_WITHOUT_END = "a".repeat(PIECE_BYTES);
const FRAME_OF_LISTS = `{"jsonrpc":"2.0","method":"x","params":[${"[],".repeat(60_000)}[]]}`;

/** The attacks by name. */
export const BROKEN_ATTACKS = {
  "random-bytes": { ...GUEST, opens: true, what: "random bytes", next: () => RANDOM },
  "endless-line": { ...GUEST, opens: true, what: "a line without end", next: () => LINE_WITHOUT_END },
  "unnumbered-lists": {
    ...GUEST,
    opens: true,
    what: "messages without a number, of 60,000 lists",
    next: () => `${FRAME_OF_LISTS}\n`,
  },
  "unread-hello": {
    ...GUEST,
    opens: false,
    what: "old messages in place of an answer to the hello",
    next: () => repeatTo(PIECE_BYTES, `20\n{"method":"x","a":1}`),
  },
  "new-connections": {
    ...GUEST,
    opens: true,
    hangsUp: true,
    what: "a session, and the end of the connection, again and again",
    next: ({ numbered }) => numbered({ method: "x" }),
  },
  "frames-of-lists": {
    ...GUEST,
    port: "back",
    opens: false,
    what: "length-prefixed frames of 60,000 lists",
    next: () => `${FRAME_OF_LISTS.length}\n${FRAME_OF_LISTS}`,
  },
} as const satisfies Record<string, GuestAttack>;
