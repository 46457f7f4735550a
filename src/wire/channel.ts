/** What carries bytes between the two sides; implemented in `src/channels`. */

/**
 * A two-way byte path. Iterating yields what the far end sent, in order, in pieces of any size; a piece belongs to the
 * reader. The iteration ends when the far end has left for good or the channel was closed, and throws a
 * `NegotiatorError` when reading failed. One reader only.
 */
export interface Channel extends AsyncIterable<Uint8Array>, AsyncDisposable {
  /** Names the channel in messages and logs: a path, a guest and port. */
  readonly label: string;
  /**
   * Resolves when the channel has taken all the bytes and is ready for more; it may wait as long as the far end does
   * not read. Rejects with `CLOSED` once the channel is closed. Calls do not overlap: wait for one before the next.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Releases descriptors and ends the iteration; pending writes reject. Closing twice does nothing. */
  close(): Promise<void>;
}
