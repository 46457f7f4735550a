/** Limits how long one channel of a foreign dialect keeps this thread. */
import { nextTurn } from "../delay.ts";

/** After so much work, other channels get their turn. */
const TURN_MS = 4;

/** The turn of one channel: a client whose requests are all there would keep this thread for itself. */
export type ChannelTurn = {
  /** Begins to count. Called after each wait. */
  begin: () => void;
  /** Called after each piece of work. Returns undefined while there is time; else resolves afterwards. */
  pass: () => Promise<void> | undefined;
};

/** Creates a turn. Tests pass their own clock, in milliseconds, and their own wait for the other channels. */
export function createChannelTurn(now = () => performance.now(), waitForOthers = nextTurn): ChannelTurn {
  let workMs = 0;
  let startMs = 0;
  const begin = (): void => void (startMs = now());
  const wait = async (): Promise<void> => {
    workMs = 0;
    await waitForOthers();
    begin();
  };
  return {
    begin,
    pass() {
      workMs += now() - startMs;
      begin();
      return workMs < TURN_MS ? undefined : wait();
    },
  };
}
