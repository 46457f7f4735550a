/** The memory of answers that wait for callers whose dialects have no streams. */

/** Memory that all these callers share. */
export type AnswerMemory = {
  /** Takes memory for one answer, which has none yet. */
  open(): AnswerShare;
};

/** The memory of one answer. Disposing gives it back. */
export type AnswerShare = Disposable & {
  /** Takes so many bytes more. Returns false if the others have left too little. */
  take(bytes: number): boolean;
};

/** Each answer gets so much in any case: large answers of some callers must not stop the small ones. */
const FREE_BYTES = 256 * 1024;

/** Creates memory of which all answers together take at most `limitBytes` beyond that. */
export function createAnswerMemory(limitBytes: number): AnswerMemory {
  let takenBytes = 0;
  return {
    open() {
      let bytes = 0;
      let isOpen = true;
      return {
        take(more) {
          const needed = sharedOf(bytes + more) - sharedOf(bytes);
          if (!isOpen || takenBytes + needed > limitBytes) return false;
          takenBytes += needed;
          bytes += more;
          return true;
        },
        [Symbol.dispose]() {
          takenBytes -= sharedOf(bytes);
          bytes = 0;
          isOpen = false;
        },
      };
    },
  };
}

/** The part of an answer of so many bytes that counts against the shared memory. */
function sharedOf(bytes: number): number {
  return Math.max(0, bytes - FREE_BYTES);
}
