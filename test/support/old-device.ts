/** Owns a device as the original reads it: through C's stdio, which dies of a byte too many. */

/** A device. Its messages are a count, a line end, and JSON. */
export type OldDevice = {
  /** Passes in the bytes of one read of the device. The original reads up to 4096 of them at a time. */
  receive(bytes: Uint8Array): void;
  /** The next line with its end. */
  readLine(): Promise<string>;
  /** The next `count` bytes. */
  readBytes(count: number): Promise<Uint8Array>;
  /** Writes a message, the length separately. Rejects if bytes were read ahead. */
  write(message: object): Promise<void>;
  /** Whether the original waits for a line and has read all bytes. */
  readonly isIdle: boolean;
};

const STDIO_BYTES = 4096;

/** Creates a device whose output goes to `write`. */
export function createOldDevice(write: (bytes: Uint8Array) => void | Promise<void>): OldDevice {
  const device: Uint8Array[] = [];
  let stdio = new Uint8Array(0);
  let isIdle = true;
  let arrived = Promise.withResolvers<void>();

  const fill = async (): Promise<void> => {
    while (device.length === 0) {
      arrived = Promise.withResolvers();
      await arrived.promise;
    }
    const [piece = new Uint8Array(0)] = device.splice(0, 1);
    if (piece.length > STDIO_BYTES) device.unshift(piece.slice(STDIO_BYTES));
    stdio = piece.slice(0, STDIO_BYTES);
  };
  const take = (count: number): Uint8Array => {
    const taken = stdio.slice(0, count);
    stdio = stdio.slice(count);
    return taken;
  };

  return {
    receive(bytes) {
      if (bytes.length > 0) device.push(bytes.slice());
      arrived.resolve();
    },
    async readLine() {
      const parts: Uint8Array[] = [];
      for (;;) {
        isIdle = parts.length === 0 && stdio.length === 0 && device.length === 0;
        if (stdio.length === 0) await fill();
        isIdle = false;
        const end = stdio.indexOf(0x0a);
        parts.push(take(end === -1 ? stdio.length : end + 1));
        if (end !== -1) return Buffer.concat(parts).toString("latin1");
      }
    },
    async readBytes(count) {
      const parts: Uint8Array[] = [];
      for (let missing = count; missing > 0;) {
        if (stdio.length === 0) await fill();
        const part = take(missing);
        parts.push(part);
        missing -= part.length;
      }
      return Buffer.concat(parts);
    },
    async write(message) {
      // stdio would have to seek before it writes after a read-ahead, and a device cannot.
      if (stdio.length > 0) throw new Error(`ESPIPE: ${stdio.length} bytes follow the request`);
      const body = dumps(message);
      await write(Buffer.from(`${body.length}\n`));
      await write(Buffer.from(body));
    },
    get isIdle() {
      return isIdle && device.length === 0;
    },
  };
}

/** Reads a count line that is not empty. Throws the original's error for any other line. */
export function readCount(line: string): number {
  const digits = line.trim();
  if (!/^\d+$/.test(digits)) throw new Error(`ProtocolError: the count line is ${JSON.stringify(line)}`);
  const count = Number(digits);
  if (count > 2 ** 31) throw new Error(`MemoryError: ${digits} bytes`);
  return count;
}

/** Formats JSON like `json.dumps` of Python 2. */
function dumps(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(dumps).join(", ")}]`;
  if (typeof value === "object" && value !== null)
    return `{${Object.entries(value)
      .map(([key, member]) => `${dumps(key)}: ${dumps(member)}`)
      .join(", ")}}`;
  return JSON.stringify(value).replace(
    /[^ -~]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
