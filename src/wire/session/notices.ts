/** This side's notices that wait to be sent, in this session or in the one after a lost session. */
import type { Notice } from "../message.ts";
import type { Outlet } from "./outbox.ts";
import { checkSendable } from "./sendable.ts";

/** A queue of notices. */
export type Notices = {
  /** Adds a notice. Throws `TOO_LARGE` or `BAD_REQUEST` when it cannot be sent. */
  send(method: string, params: unknown): void;
  /** Puts the waiting notices into the outlet again, after the session was lost and the outlet cleared. */
  resubmit(): void;
  /** Removes the waiting notices, and returns how many they were. */
  clear(): number;
  /** Returns the waiting notices, which stay. */
  peek(): Notice[];
};

type NoticesOptions = {
  outlet: Pick<Outlet, "notice">;
  /** Returns the longest line of a notice, in bytes, that the present peer takes. */
  mostBytes: () => number;
  /** Called for a notice that the present peer cannot take. */
  onLost: (count: number) => void;
};

/** Creates an empty queue. */
export function createNotices({ outlet, mostBytes, onLost }: NoticesOptions): Notices {
  const waiting: { notice: Notice; bytes: number }[] = [];

  type Waiting = (typeof waiting)[number];
  const isLost = ({ bytes }: Waiting): boolean => bytes > mostBytes();

  const take = (): Notice | undefined => {
    const first = waiting.shift();
    // A notice that waited for a session may meet a peer with a lower limit, which would refuse it.
    if (first === undefined || !isLost(first)) return first?.notice;
    onLost(1);
    return undefined;
  };

  const submit = (one: Waiting): void => {
    waiting.push(one);
    outlet.notice({ bytes: one.bytes, isLost: () => isLost(one), take });
  };

  return {
    send(method, params) {
      const notice: Notice = { kind: "notice", method, params };
      const bytes = checkSendable(notice, mostBytes());
      submit({ notice, bytes });
    },
    resubmit() {
      for (const one of waiting.splice(0)) submit(one);
    },
    clear: () => waiting.splice(0).length,
    peek: () => waiting.map(({ notice }) => notice),
  };
}
