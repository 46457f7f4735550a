/** For tests of `execute` without detached calls. */

/** Throws if a call is detached after all. */
export const NOT_KEPT = {
  kept: {
    resume: (): never => {
      throw new Error("No call of these tests is detached");
    },
    begin: () => {
      throw new Error("No call of these tests is detached");
    },
  },
};
