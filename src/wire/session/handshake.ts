/** Writes and reads the hello and its answer: versions, capabilities, limits, and the session to resume. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { encodeLengthPrefixed } from "../frames/length-prefixed.ts";
import { native } from "../dialects/native.ts";
import { FIRST_ISSUE } from "../json.ts";
import { clipText } from "../message.ts";
import type { Message, Request, WireError } from "../message.ts";
import { shorten } from "../../shorten.ts";

/** The versions of the native protocol that this program speaks. */
export const PROTOCOL_VERSIONS = { min: 2, max: 2 } as const;
/** The parts of version 2 that a peer may lack. `raw`: chunks whose bytes follow their line. */
export const RAW = "raw";

const HELLO = "negotiate:";

const Count = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const Identity = v.pipe(v.string(), v.minLength(1), v.maxLength(64), v.regex(/^[\x21-\x7e]+$/));
const Words = v.pipe(v.array(v.pipe(v.string(), v.maxLength(64))), v.maxLength(64));
const AgentSchema = v.object({
  name: v.pipe(v.string(), v.maxLength(64)),
  version: v.pipe(v.string(), v.maxLength(64)),
  role: v.pipe(v.string(), v.maxLength(64)),
});
/** A stream chunk must fit into any peer's line: 64 KiB as base64, and its envelope. */
const MIN_LINE_BYTES = 128 * 1024;
const PeerLimitsSchema = v.object({
  lineBytes: v.pipe(Count, v.minValue(MIN_LINE_BYTES)),
  noticeBytes: v.exactOptional(Count),
});

const VersionsSchema = v.object({ min: Count, max: Count });
/** The members that every version of the hello has. */
const AnyHelloSchema = v.object({ versions: VersionsSchema, agent: AgentSchema });
const HelloSchema = v.object({
  versions: VersionsSchema,
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
/** The details of a refusal for lack of a common version. Version 1 sends none. */
const RefusalSchema = v.object({ versions: VersionsSchema, agent: AgentSchema });

/** A program, described for people. */
export type Agent = v.InferOutput<typeof AgentSchema>;
/** The longest line that the peer takes, and its first credit for notices; both in bytes. */
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

/** Whether the method is that of a hello, and belongs to no session. */
export function isReserved(method: string): boolean {
  return method.startsWith(HELLO);
}

/** Whether the message is a hello. */
export function isHello(message: Message): message is Request {
  return message.kind === "request" && isReserved(message.method);
}

/** Whether a hello only asks for the dialect. It begins no epoch, and its answer is a failure. */
export function isProbe({ params }: Request): boolean {
  return typeof params === "object" && params !== null && "isProbe" in params && params.isProbe === true;
}

/**
 * Returns the hello in a request. Throws `UNSUPPORTED` without a common version; `agent` is this side's.
 * Throws `BAD_REQUEST` when members are missing or invalid.
 */
export function readHello(request: Request, agent: Agent): Hello {
  const peer = read(AnyHelloSchema, request.params, "hello");
  if (chooseVersion(peer.versions) === undefined) throw noCommonVersion(agent, peer);
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
export function readWelcome(result: unknown, id: string | undefined, agent: Agent): Welcome {
  const welcome = read(WelcomeSchema, result, "answer to the hello");
  const versions = { min: welcome.version, max: welcome.version };
  if (chooseVersion(versions) === undefined) throw noCommonVersion(agent, { versions, agent: welcome.agent });
  if (welcome.session.id === id) return welcome;
  throw new NegotiatorError(
    "BAD_REQUEST",
    "Cannot understand the answer to the hello: it names another session",
  );
}

/** Returns the error for a hello that the peer has refused. `agent` is this side's. */
export function readRefusal({ code, message, data }: WireError, agent: Agent): NegotiatorError {
  if (code !== "UNSUPPORTED")
    return new NegotiatorError(code, `The peer refuses the session: ${clipText(message)}`);
  const details = v.safeParse(RefusalSchema, data, FIRST_ISSUE);
  return noCommonVersion(agent, details.success ? details.output : firstRelease(agent));
}

/** Release 0.1 refuses a hello without saying what it is. */
function firstRelease({ role }: Agent): v.InferOutput<typeof RefusalSchema> {
  const agent = { name: "negotiator", version: "0.1", role: role === "host" ? "guest" : "host" };
  return { versions: { min: 1, max: 1 }, agent };
}

/** Returns the highest version that both sides speak; undefined when there is none. */
function chooseVersion(versions: { min: number; max: number }): number | undefined {
  const version = Math.min(versions.max, PROTOCOL_VERSIONS.max);
  return version >= Math.max(versions.min, PROTOCOL_VERSIONS.min) ? version : undefined;
}

function noCommonVersion(ours: Agent, peer: v.InferOutput<typeof RefusalSchema>): NegotiatorError {
  const [own, other] = [formatAgent(ours), formatAgent(peer.agent)];
  const isOlder = peer.versions.max < PROTOCOL_VERSIONS.min;
  const [newest, oldest] = isOlder ? [ours, peer.agent] : [peer.agent, ours];
  const versions = `${formatRange(PROTOCOL_VERSIONS)} and ${formatRange(peer.versions)}`;
  const message = `${own} and ${other} have no common protocol version (${versions})`;
  return new NegotiatorError("UNSUPPORTED", message, {
    remedy: `Install negotiator ${clipText(newest.version)} on the ${clipText(oldest.role)}`,
    data: { versions: PROTOCOL_VERSIONS, agent: ours },
  });
}

function formatAgent({ name, version, role }: Agent): string {
  return clipText(`${name} ${version} on the ${role}`);
}

function formatRange({ min, max }: { min: number; max: number }): string {
  return min === max ? `${min}` : `${min} to ${max}`;
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
  const place = shorten(v.getDotPath(result.issues[0]) ?? "params", 100);
  throw new NegotiatorError(
    "BAD_REQUEST",
    `Cannot understand the ${what}: its member "${place}" is missing or invalid`,
  );
}
