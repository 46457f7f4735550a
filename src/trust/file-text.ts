/** The text of a file that an administrator wrote: UTF-8, and nothing else. */
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/**
 * Returns the text of a file's bytes. Throws `BAD_CONFIG` if they are not UTF-8: a byte that was replaced by
 * guess would change a name or a path.
 */
export function decodeFile(bytes: Uint8Array, path: string): string {
  try {
    return utf8.decode(bytes);
  } catch (cause) {
    const shown = printable(path);
    throw new NegotiatorError("BAD_CONFIG", `Cannot use the file "${shown}": it is not UTF-8 text`, {
      remedy: `Find the line with: grep -naxv '.*' ${shown}`,
      cause,
    });
  }
}
