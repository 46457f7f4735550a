/** The interface of a byte path between the two sides. `src/channels` implements it. */

/**
 * A two-way byte path with one reader. Iterating yields the far end's bytes in order, in pieces of any
 * size; each piece is the reader's to keep. An empty piece means that the far end has left and may come back:
 * a frame that it had begun will not be completed. The iteration ends when the far end has left for good or
 * the channel was closed. It throws a `NegotiatorError` when reading failed.
 */
export interface Channel extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Names the channel in messages and logs, for example a path, or a guest with its port. */
  readonly label: string;
  /**
   * Resolves when the channel has taken all the bytes and can take more. It may wait as long as the far end
   * does not read. Rejects with `CLOSED` once the channel is closed. The caller awaits one write before it
   * starts the next.
   */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Returns the channel as plain data, for the program that replaces this one. Undefined if it is closed, or
   * cannot be handed over.
   */
  readonly freeze?: () => FrozenChannel | undefined;
  /** Releases the descriptors, ends the iteration, and rejects pending writes. Closing twice does nothing. */
  close(): Promise<void>;
}

/**
 * A channel as plain data: its descriptor, the bytes that were read and not iterated, and those of the
 * present `write` that the descriptor has not taken.
 */
export type FrozenChannel = {
  kind: "port" | "socket";
  fd: number;
  label: string;
  unread: Uint8Array;
  unwritten: Uint8Array;
};
