/** The one error type, and the table of what can go wrong. Every boundary gives each code a face of its own. */

/** What a code means at the edges: our exit code of `execute`, the JSON-RPC code. */
type Fault = { exitCode: number; rpcCode: number };

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

export type FaultCode = keyof typeof FAULTS;

/** `remedy` is the second line of the message: what the reader can do about it. */
export type FaultDetails = { remedy?: string; data?: unknown; cause?: unknown };

/**
 * The only error that crosses a boundary of this program. `message` names the action that failed, quotes the value,
 * states the present condition; a second line, if any, says what to do.
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

  /** The one funnel for unknown throwables: ours pass unchanged, everything else becomes `INTERNAL` with its cause. */
  static from(thrown: unknown): NegotiatorError {
    if (thrown instanceof NegotiatorError) return thrown;
    const message = thrown instanceof Error ? thrown.message : describe(thrown);
    return new NegotiatorError("INTERNAL", message, { cause: thrown });
  }
}

/** Whether a string from outside names one of our codes. */
export function isFaultCode(value: unknown): value is FaultCode {
  return typeof value === "string" && Object.hasOwn(FAULTS, value);
}

/** The errno name (`ENOENT`, `EBUSY`, …) of an error that a system call caused, else undefined. */
export function errnoOf(thrown: unknown): string | undefined {
  if (typeof thrown !== "object" || thrown === null || !("code" in thrown)) return undefined;
  return typeof thrown.code === "string" ? thrown.code : undefined;
}

/** Some objects cannot be made a string, one without a prototype for example. */
function describe(thrown: unknown): string {
  return typeof thrown === "object" && thrown !== null
    ? Object.prototype.toString.call(thrown)
    : String(thrown);
}
