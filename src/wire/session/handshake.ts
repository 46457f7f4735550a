/** Writes and reads the hello and its answer: versions, capabilities, limits, and the session to resume. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { encodeLengthPrefixed } from "../frames/length-prefixed.ts";
import { native } from "../dialects/native.ts";
import { FIRST_ISSUE } from "../json.ts";
import type { Message, Request } from "../message.ts";
import { shorten } from "../../shorten.ts";

/** The versions of the native protocol that this program speaks. */
export const PROTOCOL_VERSIONS = { min: 1, max: 1 } as const;
/** The parts of version 1 that a peer may lack. */
export const CAPABILITIES = ["streams", "resume", "detach"] as const;

const HELLO = "negotiate:";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Identity = v.pipe(v.string(), v.minLength(1), v.maxLength(64), v.regex(/^[\x21-\x7e]+$/));
const Words = v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(64));
const AgentSchema = v.object({
  name: v.pipe(v.string(), v.maxLength(64)),
  version: v.pipe(v.string(), v.maxLength(64)),
  role: v.pipe(v.string(), v.maxLength(64)),
});
/**
 * A stream chunk must fit into any peer's line: 32 KiB as base64, or as text with escapes, and its envelope.
 */
const MIN_LINE_BYTES = 128 * 1024;
const PeerLimitsSchema = v.object({ lineBytes: v.pipe(Count, v.minValue(MIN_LINE_BYTES)) });

const HelloSchema = v.object({
  versions: v.object({ min: Count, max: Count }),
  capabilities: Words,
  agent: AgentSchema,
  session: v.object({ id: Identity, instance: v.exactOptional(Identity), received: Count }),
  limits: PeerLimitsSchema,
  isProbe: v.exactOptional(v.boolean()),
});
const WelcomeSchema = v.object({
  version: Count,
  capabilities: Words,
  agent: AgentSchema,
  session: v.object({ id: Identity, instance: Identity, received: Count }),
  limits: PeerLimitsSchema,
});

/** A program, described for people. */
export type Agent = v.InferOutput<typeof AgentSchema>;
/** The longest line, in bytes, that the peer takes. */
export type PeerLimits = v.InferOutput<typeof PeerLimitsSchema>;
/**
 * A hello. The dialler makes `session.id`, the listener `session.instance`; together they name one session.
 */
export type Hello = v.InferOutput<typeof HelloSchema> & { nonce: string };
/** The answer to a hello. */
export type Welcome = v.InferOutput<typeof WelcomeSchema>;

/**
 * Returns a hello as a length-prefixed frame, the only thing that a python-negotiator can read. The line
 * ends around its object are blanks for that reader, and separate the hello from a torn line in front of it.
 */
export function encodeHello({ nonce, ...params }: Hello): Uint8Array {
  const method = helloMethod(nonce);
  const frame = encodeLengthPrefixed({ method, jsonrpc: "2.0", id: nonce, params, ...oldestRequest(method) });
  const body = frame.subarray(frame.indexOf(0x0a) + 1);
  return new TextEncoder().encode(`${body.length + 2}\n\n${new TextDecoder().decode(body)}\n`);
}

/**
 * The members of a request to python-negotiator 0.1 and 0.2, which exit on a request without a command. They
 * send an unknown command back as a request to us. Such an agent may still wait for the answer to a request
 * that it sent to an earlier caller, and exits if the next frame has no `success`. So the hello is an answer
 * too. The agent then repeats the result.
 */
function oldestRequest(command: string): Record<string, unknown> {
  return { command, arguments: [], keyword_arguments: {}, success: true, result: command };
}

/** Whether the message is a hello. */
export function isHello(message: Message): message is Request {
  return message.kind === "request" && message.method.startsWith(HELLO);
}

/** Whether a hello only asks for the dialect. It begins no epoch, and its answer is a failure. */
export function isProbe({ params }: Request): boolean {
  return typeof params === "object" && params !== null && "isProbe" in params && params.isProbe === true;
}

/** Returns the hello in a request. Throws `BAD_REQUEST` when members are missing or invalid. */
export function readHello(request: Request): Hello {
  return { nonce: request.method.slice(HELLO.length), ...read(HelloSchema, request.params, "hello") };
}

/** Returns the answer that accepts a hello. The line end in front separates it from a torn line. */
export function encodeWelcome(nonce: string, welcome: Welcome): Uint8Array {
  return afterLineEnd(native.encode({ kind: "result", id: nonce, result: welcome }));
}

/** Returns the answer that refuses a hello. */
export function encodeRefusal(nonce: string, error: NegotiatorError): Uint8Array {
  const { code, message, data } = error;
  return afterLineEnd(native.encode({ kind: "failure", id: nonce, error: { code, message, data } }));
}

/**
 * Returns the welcome in an answer. Throws `BAD_REQUEST` when members are missing or invalid, or when the
 * answer is not about the session `id`; `UNSUPPORTED` when its version was not offered.
 */
export function readWelcome(result: unknown, id: string | undefined): Welcome {
  const welcome = read(WelcomeSchema, result, "answer to the hello");
  chooseVersion({ min: welcome.version, max: welcome.version });
  if (welcome.session.id === id) return welcome;
  throw new NegotiatorError(
    "BAD_REQUEST",
    "Cannot understand the answer to the hello: it names another session",
  );
}

/** Returns the highest version that both sides speak. Throws `UNSUPPORTED` when there is none. */
export function chooseVersion(versions: { min: number; max: number }): number {
  const version = Math.min(versions.max, PROTOCOL_VERSIONS.max);
  if (version >= Math.max(versions.min, PROTOCOL_VERSIONS.min)) return version;
  const range = `${PROTOCOL_VERSIONS.min} to ${PROTOCOL_VERSIONS.max}`;
  throw new NegotiatorError("UNSUPPORTED", `No common protocol version: this side speaks ${range}`);
}

/**
 * Returns the method of the hello with this nonce. A python-negotiator repeats it when it refuses the hello.
 */
export function helloMethod(nonce: string): string {
  return `${HELLO}${nonce}`;
}

function afterLineEnd(line: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(line.length + 1);
  bytes[0] = 0x0a;
  bytes.set(line, 1);
  return bytes;
}

function read<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
  what: string,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, FIRST_ISSUE);
  if (result.success) return result.output;
  const problems = shorten(v.summarize(result.issues).replaceAll(/\s+/g, " "), 400);
  throw new NegotiatorError("BAD_REQUEST", `Cannot understand the ${what}: ${problems}`);
}
