/** What a peer can ask for, and the one way in: find the method, ask the policy, check, run, write down, answer. */
import * as v from "valibot";
import type { Audit } from "../audit/audit.ts";
import type { AuditEntry } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import type { Decision, Policy } from "../policy/policy.ts";
import { decide, mayEverExecute } from "../policy/policy.ts";
import { printable } from "../printable.ts";
import type { Quota } from "../policy/quota.ts";
import { FIRST_ISSUE } from "../wire/json.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import { disclose } from "./refusal.ts";

/** Who calls, as the channel says; a guest sees the host, which has neither name nor uuid. */
export type Caller = { guest?: string; uuid?: string };

/** What the policy decides about and the audit writes down. */
export type Subject = { command?: string; args?: readonly string[]; peer?: Caller };

/** How a call ended, for the audit; `args` only where they are not to be written down after all. */
export type Outcome = Pick<
  AuditEntry,
  "exitCode" | "signal" | "timedOut" | "cancelled" | "bytes" | "builtin"
> & {
  args?: undefined;
};

export type Grant = Extract<Decision, { allowed: true }>;

/** `isOffered` tells whether the caller may know of a command: whether some arguments would let it execute that. */
export type MethodContext = {
  call: IncomingCall;
  caller: Caller;
  grant: Grant;
  isOffered: (command: string) => boolean;
};

type MethodDefinition<Params> = {
  name: string;
  params: v.GenericSchema<unknown, Params>;
  subject?: (params: Params) => Subject;
  /** Runs nothing, so it needs no rule of the policy that allows it. */
  isOpen?: boolean;
  /** The result goes to the caller, the outcome into the audit. */
  run: (params: Params, context: MethodContext) => Promise<{ result: unknown; outcome?: Outcome }>;
};

/** A method whose parameters were checked already. */
type Prepared = {
  subject: Subject;
  run: (context: MethodContext) => ReturnType<MethodDefinition<never>["run"]>;
};

export type Method = { name: string; isOpen: boolean; prepare: (params: unknown) => Prepared };

/** `prepare` throws `BAD_REQUEST` with the first problem of the parameters. */
export function defineMethod<Params>(definition: MethodDefinition<Params>): Method {
  const { name, params: schema, subject, isOpen = false, run } = definition;
  return {
    name,
    isOpen,
    prepare(raw) {
      const checked = v.safeParse(schema, raw, FIRST_ISSUE);
      if (!checked.success) throw badParameter(name, checked.issues[0]);
      const params = checked.output;
      return { subject: subject?.(params) ?? {}, run: (context) => run(params, context) };
    },
  };
}

export type DispatcherOptions = {
  role: "host" | "guest";
  /** As the audit sees it: whether the calls run here, or are passed on to the subject's peer. */
  direction: "incoming" | "outgoing";
  caller: Caller;
  methods: readonly Method[];
  /** Asked anew for every call, so that a reload counts at once. */
  policy: () => Policy;
  quota: Quota;
  audit: Pick<Audit, "record">;
  now: () => number;
};

const log = logFor("calls");

/** Serves one caller's calls; never rejects, every call gets its answer. Resolves when the call is answered and written down. */
export function createDispatcher(options: DispatcherOptions): (call: IncomingCall) => Promise<void> {
  const methods = new Map(options.methods.map((method) => [method.name, method]));
  return (call) => serve(call, methods, options);
}

async function serve(
  call: IncomingCall,
  methods: ReadonlyMap<string, Method>,
  options: DispatcherOptions,
): Promise<void> {
  const startMs = options.now();
  const entry = startEntry(call, options);
  using held = new DisposableStack();
  try {
    const method = methods.get(call.method);
    if (method === undefined) throw unknownMethod(call.method, methods.keys());
    const prepared = method.prepare(call.params);
    Object.assign(entry, prepared.subject);
    const grant = admit(entry, prepared.subject, options, method.isOpen);
    const lease = options.quota.take(quotaKey(options.caller, grant), grant, options.now());
    if (!lease.granted) throw new NegotiatorError("BUSY", `The policy's limit is reached: ${lease.message}`);
    held.use(lease);
    const isOffered = (command: string): boolean => mayEverExecute(options.policy(), options.caller, command);
    const { result, outcome } = await prepared.run({ call, caller: options.caller, grant, isOffered });
    Object.assign(entry, outcome);
    call.respond(result);
  } catch (thrown) {
    call.fail(noteFailure(thrown, entry, options));
  }
  // Lists and greetings run nothing; written down, they would bury what matters.
  const isHarmless = methods.get(call.method)?.isOpen === true && entry.command === undefined;
  if (isHarmless && entry.decision === "allowed") return;
  options.audit.record({ ...entry, durationMs: Math.round(options.now() - startMs) });
}

/**
 * Completes the audit's entry; what the caller is told. A caller at the other end hears no more of our machine than it
 * needs, a local one hears all.
 */
function noteFailure(thrown: unknown, entry: AuditEntry, options: DispatcherOptions): NegotiatorError {
  const { direction, role } = options;
  const { told, whole } =
    direction === "incoming"
      ? disclose(thrown, actionOf(entry), role)
      : { told: NegotiatorError.from(thrown), whole: undefined };
  entry.errorCode = told.code;
  if (told.code === "DENIED") Object.assign(entry, { decision: "denied", reason: told.message });
  if (whole !== undefined) {
    entry.problem = whole.message;
    warn(entry, options);
  }
  return told;
}

function actionOf({ command, method }: AuditEntry): string {
  return command === undefined ? `answer "${printable(method)}"` : `run "${printable(command)}"`;
}

/** A caller that fails again and again must not fill the log; the audit counts all of them. */
const FAILURES_LOGGED = { rate: { calls: 10, perMs: 60_000 } };

function warn(
  { command, method, problem = "" }: AuditEntry,
  { caller, quota, now }: DispatcherOptions,
): void {
  const lease = quota.take(`log ${nameOf(caller)}`, FAILURES_LOGGED, now());
  if (!lease.granted) return;
  lease[Symbol.dispose]();
  const who = caller.guest === undefined ? "the host" : `guest "${caller.guest}"`;
  log.warn(`${who} called "${command ?? method}": ${problem}`);
}

function startEntry(call: IncomingCall, { role, direction, caller }: DispatcherOptions): AuditEntry {
  const { id, method } = call;
  return { role, direction, peer: caller, callId: String(id), method, decision: "allowed" };
}

/** What the policy grants; the rule goes into the audit's entry, whatever it says. Throws `DENIED`. */
function admit(
  entry: AuditEntry,
  { command, args = [] }: Subject,
  options: DispatcherOptions,
  isOpen: boolean,
): Grant {
  const { method } = entry;
  const decision = decide(options.policy(), { peer: options.caller, method, command, args });
  // An open method needs no rule that allows it, but heeds one that denies it.
  const isOverlooked = !decision.allowed && isOpen && typeof decision.rule !== "number";
  const verdict: Decision = isOverlooked ? { allowed: true, rule: "default" } : decision;
  entry.rule = verdict.rule;
  if (verdict.allowed) return verdict;
  const what = command === undefined ? `"${method}"` : `the command "${command}"`;
  throw new NegotiatorError("DENIED", `The ${options.role} denies ${what}: ${verdict.reason}`);
}

function quotaKey(caller: Caller, { rule }: Grant): string {
  return `${nameOf(caller)} ${rule}`;
}

function nameOf({ guest, uuid }: Caller): string {
  return uuid ?? guest ?? "host";
}

function unknownMethod(name: string, known: Iterable<string>): NegotiatorError {
  const message = `No method is called "${name}"; there are: ${[...known].join(", ")}`;
  return new NegotiatorError("UNKNOWN_METHOD", message);
}

function badParameter(name: string, issue: v.BaseIssue<unknown>): NegotiatorError {
  const problem = `${v.getDotPath(issue) ?? "params"}: ${issue.message}`;
  return new NegotiatorError("BAD_REQUEST", `Cannot call "${name}": ${problem}`);
}
