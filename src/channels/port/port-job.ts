/** What a port and the thread that watches it say to each other. */

/**
 * What the thread is started with. `interest` is one 32-bit word of `INTEREST` bits that its owner sets; afterwards the
 * owner writes a byte into the pipe that `wakeFd` is the reading end of. The thread answers with a message: the bits that
 * are ready, which it has taken out of the word, or `STOP` as its last word, when it uses the descriptors no more.
 */
export type PollerJob = { portFd: number; wakeFd: number; interest: Int32Array };

export const INTEREST = { READ: 1, WRITE: 2, STOP: 4 } as const;
