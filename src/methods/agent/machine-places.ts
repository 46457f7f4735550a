/** Where the agent's commands look at this machine. */

/** The mount points of two of the kernel's file systems. */
export type MachinePlaces = { proc: string; sys: string };

/** Those of this machine; tests have their own. */
export const MACHINE: MachinePlaces = { proc: "/proc", sys: "/sys" };
