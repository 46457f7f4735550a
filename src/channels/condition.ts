/** Lets one waiter sleep until something has changed; it then looks for itself what. */

export type Condition = {
  /** Ends the present wait, if there is one. */
  ring(): void;
  /** Resolves at the next `ring`. One wait at a time: look first, wait without an `await` in between. */
  wait(): Promise<void>;
};

export function createCondition(): Condition {
  let present: PromiseWithResolvers<void> | undefined;
  return {
    ring() {
      present?.resolve();
      present = undefined;
    },
    wait() {
      present = Promise.withResolvers<void>();
      return present.promise;
    },
  };
}
