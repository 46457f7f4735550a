/** Sends our standard input to a remote command, and leaves the rest of a file to the next program. */
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import { createInputSource } from "../../process/input-source.ts";
import type { InputSource } from "../../process/input-source.ts";
import { settlesWithin } from "../../process/settling.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";

/** Our standard input on its way to a command. */
export type SentInput = {
  /**
   * Stops, and moves the offset of a file behind the last byte that went to the command. `end` is how the
   * call ended, undefined when that is unknown. Resolves to false when a thread still waits for our input,
   * and would keep the process.
   */
  stop(end: ExecuteResult | NegotiatorError | undefined): Promise<boolean>;
};

/**
 * Sends until our input ends or the command wants no more. Calls `onFailure` when our input cannot be read.
 * The stream stays open then, because its end would make a part look like the whole. `open` is for tests.
 */
export function sendInput(
  stdin: StreamWriter,
  onFailure: (error: NegotiatorError) => void,
  open: () => InputSource = () => createInputSource(STDIN),
): SentInput {
  let source: InputSource | undefined;
  let readBytes = 0;
  let isStopped = false;
  const carry = async (): Promise<void> => {
    source = open();
    for (;;) {
      const bytes = await source.read();
      // After `stop` that is not the end of our input.
      if (bytes === undefined) return isStopped ? undefined : stdin.end();
      readBytes += bytes.length;
      try {
        await stdin.write(bytes);
      } catch {
        // The command has stopped reading, or its call has ended.
        return undefined;
      }
    }
  };
  const carried = carry().catch((thrown: unknown) => {
    if (!isStopped) onFailure(unreadable(thrown));
  });
  return {
    async stop(end) {
      isStopped = true;
      source?.close();
      const hasEnded = await settlesWithin(carried, STOP_MS);
      // While a read waits, the kernel lets no other thread have the offset.
      if (hasEnded) source?.giveBack(readBytes - takenBytes(end, stdin.sentBytes));
      return hasEnded;
    },
  };
}

const STDIN = 0;
/** A read of a file is short, unless its device or its server does not answer. */
const STOP_MS = 200;

/** After these errors no command was started. */
const NOTHING_STARTED: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "BAD_REQUEST",
  "BAD_USAGE",
  "BUSY",
  "DENIED",
  "NO_CHANNEL",
  "NO_COMMAND",
  "NO_GUEST",
  "NOT_EXECUTABLE",
  "UNKNOWN_METHOD",
  "UNSUPPORTED",
]);

/** How many of the sent bytes the command has. */
function takenBytes(end: ExecuteResult | NegotiatorError | undefined, sentBytes: number): number {
  if (end instanceof NegotiatorError) {
    if (NOTHING_STARTED.has(end.code)) return 0;
    return Math.min(sentBytes, readInputBytes(end.data) ?? sentBytes);
  }
  return Math.min(sentBytes, end?.inputBytes ?? sentBytes);
}

function readInputBytes(data: unknown): number | undefined {
  if (!isJsonObject(data)) return undefined;
  const { inputBytes } = data;
  return typeof inputBytes === "number" && inputBytes >= 0 ? Math.trunc(inputBytes) : undefined;
}

function unreadable(thrown: unknown): NegotiatorError {
  const { message } = NegotiatorError.from(thrown);
  const problem = thrown instanceof NegotiatorError ? message : explainErrno(errnoOf(thrown), message);
  return new NegotiatorError("CANCELLED", `Cannot read standard input: ${problem}`, {
    remedy: "Call the command again with its whole input; it was cancelled, because it had only a part",
    cause: thrown,
  });
}

function explainErrno(errno: string | undefined, message: string): string {
  const known = errno === undefined || !Object.hasOwn(REASONS, errno) ? undefined : REASONS[errno];
  return known === undefined ? message : `${known} (${errno})`;
}

const REASONS: Readonly<Record<string, string>> = {
  EISDIR: "it is a directory",
  EBADF: "it is not open for reading",
  ECONNRESET: "the other end has reset the connection",
  ENOTCONN: "it is a socket without a connection",
  EIO: "the device has failed",
  ESTALE: "the file is no longer on its server",
};
