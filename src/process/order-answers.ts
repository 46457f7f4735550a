/** Owns the first characters of the lines with which a helper answers orders. */
export const ANSWERS = { done: "+", failed: "-", report: "!" } as const;
