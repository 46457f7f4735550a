/** The only error class, and the table of its codes. */

/** A code outside of the program: the exit code of `execute`, the JSON-RPC code. */
type Fault = { exitCode: number; rpcCode: number };

/** The codes of errors, the same on both sides. */
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
  NO_CALL: { exitCode: 125, rpcCode: -32015 },
  INTERNAL: { exitCode: 125, rpcCode: -32603 },
} as const satisfies Record<string, Fault>;

/** One of the codes. */
export type FaultCode = keyof typeof FAULTS;

/** `remedy` becomes the second line of the message. It is an imperative. */
export type FaultDetails = { remedy?: string; data?: unknown; cause?: unknown };

/**
 * An error that a user or a peer can see. The first line of `message` has the action that failed, the value
 * and its condition. The second line, if any, says what to do.
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

  /** Returns a `NegotiatorError` unchanged. Anything else becomes the cause of an `INTERNAL` one. */
  static from(thrown: unknown): NegotiatorError {
    if (thrown instanceof NegotiatorError) return thrown;
    const message = thrown instanceof Error ? thrown.message : describe(thrown);
    return new NegotiatorError("INTERNAL", message, { cause: thrown });
  }
}

/** True for the name of one of the codes. */
export function isFaultCode(value: unknown): value is FaultCode {
  return typeof value === "string" && Object.hasOwn(FAULTS, value);
}

/** Returns the name of a system error, such as `ENOENT`; undefined for other errors. */
export function errnoOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** `String()` throws for some objects, such as one without a prototype. */
function describe(thrown: unknown): string {
  return typeof thrown === "object" && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}
