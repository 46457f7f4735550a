/** Knows when a call is over: it is answered, and its streams have ended. */

/** The two conditions of a call's end. Each is set once and stays set. */
export type Completion = {
  setAnswered(): void;
  setStreamsEnded(): void;
};

/** `onOver` is called once, when both conditions are set. */
export function createCompletion(onOver: () => void): Completion {
  let isAnswered = false;
  let haveStreamsEnded = false;
  let isOver = false;

  const settle = (): void => {
    if (isOver || !isAnswered || !haveStreamsEnded) return;
    isOver = true;
    onOver();
  };

  return {
    setAnswered() {
      isAnswered = true;
      settle();
    },
    setStreamsEnded() {
      haveStreamsEnded = true;
      settle();
    },
  };
}
