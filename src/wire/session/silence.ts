/**
 * Holds messages back from a peer that has become silent. A native agent that was killed may have been
 * replaced by an old one, which exits at every line of a session. So it gets one at most: then a hello comes.
 */

/** The messages that may be sent now. `ask`: one ping, if anything waits to be sent. */
export type Permission = "all" | "ask" | "nothing";

/** The silence of one peer in an open session. */
export type Silence = {
  readonly permission: Permission;
  /** Bytes came. Returns whether messages were held back. */
  receive(nowMs: number): boolean;
  /** A call begins: a ping is to follow the messages that go out next. */
  call(): void;
  /** A message goes out. */
  send(): void;
  /** All that waited has gone out. Returns whether a ping has to follow. */
  drain(): boolean;
  /** A ping goes out. Nothing may follow it until bytes come. */
  ask(): void;
  /**
   * Called about once a second. `owesAcknowledgement`: the peer has not acknowledged everything. Returns true
   * when the peer has to be greeted again.
   */
  tick(nowMs: number, owesAcknowledgement: boolean): boolean;
  /** A session is open. */
  restart(): void;
};

/** A native agent acknowledges within a second, and answers a ping at once. */
const QUIET_MS = 1000;
const GREETED_AFTER_MS = 2000;
/** This side stood still in a longer gap between ticks, so that gap does not count. */
const STANDSTILL_MS = 5000;

/** Creates the silence of a peer that has sent bytes just now. */
export function createSilence(): Silence {
  let nowMs = 0;
  let heardMs = 0;
  /** The first tick at which the peer owed an answer. */
  let owesSinceMs: number | undefined;
  /** Whether a ping has to follow a call. `due`: the call has not gone out. */
  let follower: "none" | "due" | "next" = "none";
  let isPingOut = false;
  let isQuiet = false;

  const restart = (): void => {
    heardMs = nowMs;
    owesSinceMs = undefined;
    isPingOut = false;
    isQuiet = false;
  };

  return {
    get permission() {
      if (isPingOut) return "nothing";
      if (!isQuiet) return "all";
      return owesSinceMs === undefined ? "ask" : "nothing";
    },
    receive(atMs) {
      const wasHeld = isPingOut || isQuiet;
      nowMs = Math.max(nowMs, atMs);
      restart();
      return wasHeld;
    },
    call() {
      if (follower === "none") follower = "due";
    },
    send() {
      if (follower === "due") follower = "next";
    },
    drain: () => follower === "next",
    ask() {
      isPingOut = true;
      if (follower === "next") follower = "none";
    },
    tick(atMs, owesAcknowledgement) {
      const gapMs = atMs - nowMs;
      nowMs = atMs;
      if (gapMs > STANDSTILL_MS) {
        heardMs += gapMs;
        if (owesSinceMs !== undefined) owesSinceMs += gapMs;
      }
      isQuiet = nowMs - heardMs >= QUIET_MS;
      if (owesAcknowledgement || isPingOut) owesSinceMs ??= nowMs;
      else owesSinceMs = undefined;
      return isQuiet && owesSinceMs !== undefined && nowMs - owesSinceMs >= GREETED_AFTER_MS;
    },
    restart,
  };
}
