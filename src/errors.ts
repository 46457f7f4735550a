/** The only error class, and the table of its codes. */

/** The exit code of `execute`, and the JSON-RPC code. */
type Fault = { exitCode: number; rpcCode: number };

/**
 * Every code of an error. The JSON-RPC codes are standard or in the range of servers (JSON-RPC 2.0, section
 * 5.1).
 */
export const FAULTS = {
  BAD_FRAME: { exitCode: 125, rpcCode: -32700 },
  BAD_REQUEST: { exitCode: 125, rpcCode: -32602 },
  UNKNOWN_METHOD: { exitCode: 125, rpcCode: -32601 },
  BAD_USAGE: { exitCode: 2, rpcCode: -32001 },
  BAD_CONFIG: { exitCode: 125, rpcCode: -32002 },
  DENIED: { exitCode: 126, rpcCode: -32003 },
  NOT_EXECUTABLE: { exitCode: 126, rpcCode: -32004 },
  NO_COMMAND: { exitCode: 127, rpcCode: -32005 },
  NO_GUEST: { exitCode: 125, rpcCode: -32006 },
  NO_CHANNEL: { exitCode: 125, rpcCode: -32007 },
  BUSY: { exitCode: 125, rpcCode: -32008 },
  TOO_LARGE: { exitCode: 125, rpcCode: -32009 },
  TIMEOUT: { exitCode: 124, rpcCode: -32010 },
  CANCELLED: { exitCode: 125, rpcCode: -32011 },
  CLOSED: { exitCode: 125, rpcCode: -32012 },
  UNKNOWN_OUTCOME: { exitCode: 125, rpcCode: -32013 },
  UNSUPPORTED: { exitCode: 125, rpcCode: -32014 },
  INTERNAL: { exitCode: 125, rpcCode: -32603 },
} as const satisfies Record<string, Fault>;

/** A code of an error, such as `TIMEOUT`. */
export type FaultCode = keyof typeof FAULTS;

/** `remedy` becomes the second line of the message: what the reader can do. */
export type FaultDetails = { remedy?: string; data?: unknown; cause?: unknown };

/**
 * The only error that peers and users get. `message` names the action that failed, quotes the value, and
 * states the condition. A second line, if there is one, is the remedy.
 */
export class NegotiatorError extends Error {
  override readonly name = "NegotiatorError";
  readonly code: FaultCode;
  readonly data: unknown;

  constructor(code: FaultCode, message: string, details: FaultDetails = {}) {
    super(details.remedy === undefined ? message : `${message}\n${details.remedy}`, { cause: details.cause });
    this.code = code;
    this.data = details.data;
  }

  /**
   * Returns what was thrown as a `NegotiatorError`. Anything else becomes `INTERNAL`, with the thrown value
   * as cause.
   */
  static from(thrown: unknown): NegotiatorError {
    if (thrown instanceof NegotiatorError) return thrown;
    const message = thrown instanceof Error ? thrown.message : describe(thrown);
    return new NegotiatorError("INTERNAL", message, { cause: thrown });
  }
}

/** Returns whether a value from outside is one of our codes. */
export function isFaultCode(value: unknown): value is FaultCode {
  return typeof value === "string" && Object.hasOwn(FAULTS, value);
}

/** Returns the errno name of a system error, such as `ENOENT`, or undefined for another value. */
export function errnoOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** `String` throws for some objects, such as one without a prototype. */
function describe(thrown: unknown): string {
  return typeof thrown === "object" && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}
