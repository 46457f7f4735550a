/**
 * The greeting: a hello that an old python-negotiator refuses and lives on, and its answer. It carries versions,
 * capabilities, limits, and which session goes on.
 */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { encodeLengthPrefixed } from "../frames/length-prefixed.ts";
import { native } from "../dialects/native.ts";
import { FIRST_FLAW } from "../json.ts";
import type { Message, Request } from "../message.ts";

/** Versions of the native protocol that this program speaks. */
export const PROTOCOL_VERSIONS = { min: 1, max: 1 } as const;
/** What version 1 has beyond its core; a peer may lack any of them. */
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
/** A piece of a stream must fit into any peer's line: 32 KiB in base64, or in text with escapes, and its envelope. */
const MIN_LINE_BYTES = 128 * 1024;
/** What the peer takes: its longest line, in bytes. */
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

export type Agent = v.InferOutput<typeof AgentSchema>;
export type PeerLimits = v.InferOutput<typeof PeerLimitsSchema>;
/** `session.id` is made by the dialler, `session.instance` by the listener; both together name one session. */
export type Hello = v.InferOutput<typeof HelloSchema> & { nonce: string };
export type Welcome = v.InferOutput<typeof WelcomeSchema>;

/**
 * A counted frame, as nothing else may be sent to a peer that might be old. The line ends inside the count are blanks
 * to an old peer's JSON reader, and keep the hello apart from whatever torn line stands in front of it.
 */
export function encodeHello({ nonce, ...params }: Hello): Uint8Array {
  const counted = encodeLengthPrefixed({ method: helloMethod(nonce), jsonrpc: "2.0", id: nonce, params });
  const body = counted.subarray(counted.indexOf(0x0a) + 1);
  return new TextEncoder().encode(`${body.length + 2}\n\n${new TextDecoder().decode(body)}\n`);
}

export function isHello(message: Message): message is Request {
  return message.kind === "request" && message.method.startsWith(HELLO);
}

/** Whether a hello only asks what is spoken here: it begins no epoch, and is answered with a failure. */
export function isProbe({ params }: Request): boolean {
  return typeof params === "object" && params !== null && "isProbe" in params && params.isProbe === true;
}

/** Throws `BAD_REQUEST` when members are missing or wrong. */
export function readHello(request: Request): Hello {
  return { nonce: request.method.slice(HELLO.length), ...read(HelloSchema, request.params, "hello") };
}

/** The line end in front keeps the answer apart from a torn line. */
export function encodeWelcome(nonce: string, welcome: Welcome): Uint8Array {
  return afterLineEnd(native.encode({ kind: "result", id: nonce, result: welcome }));
}

export function encodeRefusal(nonce: string, error: NegotiatorError): Uint8Array {
  const { code, message, data } = error;
  return afterLineEnd(native.encode({ kind: "failure", id: nonce, error: { code, message, data } }));
}

/** Throws `BAD_REQUEST` when members are missing or wrong, or do not answer a hello of the session `id`. */
export function readWelcome(result: unknown, id: string | undefined): Welcome {
  const welcome = read(WelcomeSchema, result, "answer to the hello");
  chooseVersion({ min: welcome.version, max: welcome.version });
  if (welcome.session.id === id) return welcome;
  throw new NegotiatorError(
    "BAD_REQUEST",
    "Cannot understand the answer to the hello: it is about another session",
  );
}

/** The highest version that both sides speak. Throws `UNSUPPORTED` when there is none. */
export function chooseVersion(versions: { min: number; max: number }): number {
  const version = Math.min(versions.max, PROTOCOL_VERSIONS.max);
  if (version >= Math.max(versions.min, PROTOCOL_VERSIONS.min)) return version;
  const range = `${PROTOCOL_VERSIONS.min} to ${PROTOCOL_VERSIONS.max}`;
  throw new NegotiatorError("UNSUPPORTED", `No protocol version in common: this side speaks ${range}`);
}

/** The method name of the hello with this nonce. An agent of another dialect repeats it when it refuses the hello. */
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
  const result = v.safeParse(schema, value, FIRST_FLAW);
  if (result.success) return result.output;
  const problems = v.summarize(result.issues).replaceAll(/\s+/g, " ").slice(0, 400).toWellFormed();
  throw new NegotiatorError("BAD_REQUEST", `Cannot understand the ${what}: ${problems}`);
}
