/**
 * Accepts the connections of a listening socket, for a bounded time in each turn of the event loop. Bun
 * accepts until no client waits, and clients that connect and leave without a pause would stop all else.
 */
import { closeSync } from "node:fs";
import { nextTurn } from "../delay.ts";
import { EVENTS, watchDescriptor } from "./descriptor-watch.ts";
import { acceptNow } from "./libc-socket.ts";
import { pollNow, readPeerCredentials } from "./libc.ts";
import { createPacedUsers, USER_PACE } from "./paced-users.ts";
import type { UserPace } from "./paced-users.ts";

/**
 * `closesLeft`: a connection whose far end has closed is closed without being passed on, also if bytes of it
 * can be read. Tests pass another pace, and another way to know the user.
 */
export type AcceptOptions = {
  closesLeft?: boolean;
  pace?: UserPace;
  userOf?: (descriptor: number) => number | undefined;
};

/** An acceptor at work. */
export type Acceptor = {
  /** Passes on what was accepted and waits for the pace of its user. */
  flush(): void;
  /** Accepts no more, closes the listening socket, and what was not passed on. */
  close(): void;
};

/** Passes the descriptor of each connection to `pass`, which owns it then. Root's come at once. */
export function acceptConnections(
  fd: number,
  pass: (descriptor: number) => void,
  { closesLeft = false, pace = USER_PACE, userOf = uidOf }: AcceptOptions = {},
): Acceptor {
  const hasLeft = (descriptor: number): boolean => closesLeft && (pollNow(descriptor, 0) & EVENTS.HUP) !== 0;
  const users = createPacedUsers({ pass, hasLeft, pace });
  const watch = watchDescriptor(fd);

  /** Returns why it stopped. */
  const acceptSome = (): "none" | "failed" | "more" => {
    const endMs = performance.now() + TURN_MS;
    for (;;) {
      const accepted = acceptNow(fd);
      if (typeof accepted === "string") return accepted;
      // Most of those who flood have left by now, and then nothing else has to be asked.
      if (hasLeft(accepted)) closeSync(accepted);
      else users.add(userOf(accepted) ?? UNKNOWN, accepted);
      if (watch.isClosed || performance.now() >= endMs) return "more";
    }
  };
  const run = async (): Promise<void> => {
    while (!watch.isClosed) {
      const why = acceptSome();
      if (why === "more") await nextTurn();
      else if (why === "failed") await watch.pause(FAILED_MS);
      else await watch.changed(EVENTS.IN);
    }
  };
  void run();

  return {
    flush: () => users.flush(),
    close() {
      if (watch.isClosed) return;
      watch.close();
      users.close();
      closeSync(fd);
    },
  };
}

/** The time for new connections in one turn of the event loop. */
const TURN_MS = 0.5;
/** Without a free descriptor, the socket stays readable. */
const FAILED_MS = 100;
/** The user of a connection that the kernel does not name. */
const UNKNOWN = -1;

function uidOf(descriptor: number): number | undefined {
  return readPeerCredentials(descriptor)?.uid;
}
