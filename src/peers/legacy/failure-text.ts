/** Splits the error text of a failed command while it arrives: into words, and the command's output. */

/** An error text. */
export type FailureText = {
  /** Takes a piece of the text, as UTF-8. Resolves when its output was passed on. */
  push(bytes: Uint8Array): Promise<void>;
  /** The text in front of the output, cut to a length that is enough for messages. */
  readonly text: string;
  /** Whether any output was passed on. */
  readonly hasOutput: boolean;
};

/** The text between the words and the output. */
const MARKER = Buffer.from("\n\nStandard output:\n");
/** Only texts that begin so have output. */
const BEGINNING = Buffer.from("External command ");
const SHOWN_BYTES = 64 * 1024;

/** Creates a reader of one text. */
export function createFailureText(pass: (bytes: Uint8Array) => Promise<void>): FailureText {
  let head = Buffer.alloc(0);
  /** The last bytes of the words, which can be the first of the marker. */
  let tail = Buffer.alloc(0);
  let isInOutput = false;
  let hasOutput = false;

  const passOn = async (bytes: Uint8Array): Promise<void> => {
    if (bytes.length === 0) return;
    hasOutput = true;
    await pass(bytes);
  };

  const addWords = (bytes: Uint8Array): void => {
    const room = SHOWN_BYTES - head.length;
    if (room > 0) head = Buffer.concat([head, bytes.subarray(0, room)]);
  };

  return {
    get text() {
      return Buffer.concat([head, tail]).toString();
    },
    get hasOutput() {
      return hasOutput;
    },
    async push(bytes) {
      if (isInOutput) return passOn(bytes);
      const all = Buffer.concat([tail, bytes]);
      const place = all.indexOf(MARKER);
      const begins = Buffer.concat([head.subarray(0, BEGINNING.length), all]);
      const canHaveOutput = begins.subarray(0, BEGINNING.length).equals(BEGINNING);
      if (place === -1 || !canHaveOutput) {
        const kept = Math.min(all.length, MARKER.length - 1);
        addWords(all.subarray(0, all.length - kept));
        tail = all.subarray(all.length - kept);
        return;
      }
      isInOutput = true;
      addWords(all.subarray(0, place));
      tail = Buffer.alloc(0);
      await passOn(all.subarray(place + MARKER.length));
    },
  };
}
