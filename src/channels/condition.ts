/** Lets one task wait until something has changed. */

/** A condition for one waiter, which checks by itself what has changed. */
export type Condition = {
  /** Ends the present wait, if there is one. */
  notify(): void;
  /**
   * Resolves at the next `notify`. One wait at a time: check first, then wait without an `await` in between.
   */
  wait(): Promise<void>;
};

/** Makes a condition that nothing waits for yet. */
export function createCondition(): Condition {
  let waiter: PromiseWithResolvers<void> | undefined;
  return {
    notify() {
      waiter?.resolve();
      waiter = undefined;
    },
    wait() {
      waiter = Promise.withResolvers<void>();
      return waiter.promise;
    },
  };
}
