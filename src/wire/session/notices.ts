/** This side's notices that wait to be sent, in this session or in the one after a lost session. */
import type { Notice } from "../message.ts";
import type { Outlet } from "./outbox.ts";
import { checkSendable, findExcess } from "./sendable.ts";

/** A queue of notices. */
export type Notices = {
  /** Adds a notice. Throws `TOO_LARGE` or `BAD_REQUEST` when it cannot be sent. */
  send(method: string, params: unknown): void;
  /** Puts the waiting notices into the outlet again, after the session was lost and the outlet cleared. */
  resubmit(): void;
  /** Removes the waiting notices, and returns how many they were. */
  clear(): number;
};

type NoticesOptions = {
  outlet: Pick<Outlet, "control">;
  /** Returns the longest line, in bytes, that the present peer takes. */
  peerLineBytes: () => number;
  /** Called for a notice that the present peer cannot take. */
  onLost: (count: number) => void;
};

/** Creates an empty queue. */
export function createNotices({ outlet, peerLineBytes, onLost }: NoticesOptions): Notices {
  const waiting: Notice[] = [];

  const submit = (): void =>
    outlet.control(() => {
      const notice = waiting.shift();
      // A notice that waited for a session may meet a peer with a lower limit, which would refuse it.
      if (notice === undefined || findExcess(notice, peerLineBytes()) === undefined) return notice;
      onLost(1);
      return undefined;
    });

  return {
    send(method, params) {
      const notice: Notice = { kind: "notice", method, params };
      checkSendable(notice, peerLineBytes());
      waiting.push(notice);
      submit();
    },
    resubmit() {
      for (const _ of waiting) submit();
    },
    clear: () => waiting.splice(0).length,
  };
}
