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
  /** Releases the descriptors, ends the iteration, and rejects pending writes. Closing twice does nothing. */
  close(): Promise<void>;
}
