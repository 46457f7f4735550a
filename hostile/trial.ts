/** Owns the types of trials: attacks that succeed or fail. */

/** The things that a trial may use. Everything in it is removed at the end. */
export type TrialStage = {
  /** The absolute path of the attacked binary. */
  binary: string;
  /** An empty directory, which other users can search. */
  directory: string;
  /** Is disposed at the end of the trial. */
  held: AsyncDisposableStack;
};

/** The end of a trial. `figures` says what was seen, in a few words. */
export type TrialEnd = { hasSucceeded: boolean; figures: string };

/** An attack that succeeds or fails. It uses only what the first release has too, so both can be attacked. */
export type Trial = {
  /** In a few words, what is tried. */
  what: string;
  /** When it has succeeded. */
  success: string;
  run: (stage: TrialStage) => Promise<TrialEnd>;
};
