/** Serves calls and notices: find, validate, ask the policy, count (`admission.ts`), run, audit, answer. */
import type { Audit, Begun } from "../audit/audit.ts";
import type { AuditEntry, AuditResult } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { createLimitedLog } from "../policy/limited-log.ts";
import { mayEverExecute } from "../policy/policy.ts";
import type { Lease } from "../policy/quota.ts";
import { shorten } from "../shorten.ts";
import type { CallerInfo } from "../wire/message.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import { admit } from "./admission.ts";
import type { Admission, AdmissionOptions } from "./admission.ts";
import { callerKey, formatCaller, identifyCaller } from "../policy/caller.ts";
import type { CallContext, CallMethod, Method, NoticeMethod } from "./method.ts";
import { fullErrorOf, toPublicError } from "./public-error.ts";
import { formatAction, formatResource } from "../policy/resource.ts";
import type { IncomingNotice } from "./serve.ts";
import { verdictOf } from "./verdict.ts";

/** Options of a dispatcher, which serves one caller. */
export type DispatcherOptions = AdmissionOptions & {
  /** Incoming calls run here; outgoing calls are passed on to the method's target. */
  direction: "incoming" | "outgoing";
  methods: readonly Method[];
  audit: Pick<Audit, "isStrict" | "begin" | "record">;
};

/** Neither function rejects. Both resolve after the method has ended and the audit has its entry. */
export type Dispatcher = {
  call: (call: IncomingCall) => Promise<void>;
  notice: (notice: IncomingNotice) => Promise<void>;
};

const log = logFor("calls");

/** A caller that fails again and again must not fill the log. The audit counts all failures. */
const LOGGED_FAILURES = { calls: 10, perMs: 60_000 };
const LOGGED_UNKNOWN_NOTICES = { calls: 1, perMs: 60_000 };

/** Returns a dispatcher for one caller. Every call is answered. `NoticeDefinition` lists lost notices. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { caller, quota, now, audit } = options;
  const methods = new Map(options.methods.map((method) => [method.name, method]));
  const limited = { quota, now };
  const warn = createLimitedLog({ ...limited, write: (line) => log.warn(line), rate: LOGGED_FAILURES });
  const debug = createLimitedLog({
    ...limited,
    write: (line) => log.debug(line),
    rate: LOGGED_UNKNOWN_NOTICES,
  });
  let unknownNotices = 0;

  const isOffered = (command: string): boolean => mayEverExecute(options.policy(), caller, command);

  function ignoreUnknown(name: string): void {
    unknownNotices++;
    const sent = `sent an unknown notice "${shorten(name, SHOWN_NAME_LENGTH)}"`;
    const line = `${formatCaller(caller)} ${sent}; unknown notices so far: ${unknownNotices}`;
    debug(["unknown notices", ...callerKey(caller)], line);
  }

  function record(concluded: Concluded, begun?: Begun): void {
    const { request, admission, failure } = concluded;
    const full = failure !== undefined && isPublic(options) ? fullErrorOf(failure) : undefined;
    const problem = full === failure ? undefined : full?.message;
    if (problem !== undefined) {
      const what = formatResource(admission.resource, request.method);
      warn(["failures", ...callerKey(caller)], `${formatCaller(caller)} called ${what}: ${problem}`);
    }
    // Lists and greetings run nothing. Their entries would bury the important ones.
    const isHarmless = admission.isOpen && admission.resource.kind === "none";
    if (isHarmless && failure?.code !== "DENIED") return;
    audit.record(createEntry(concluded, problem, options), begun);
  }

  return {
    async call(call) {
      const { method, params } = call;
      const request = { callId: call.id, method, user: call.caller, startMs: now() };
      const admission = admit(params, () => findCallMethod(methods, method), options);
      using _ = leaseOf(admission);
      const { start, begin } = createStart(request, admission, options);
      const ending = await settle(admission, ({ run, grant }) =>
        run({ call, caller, grant, isOffered, begin, isStrict: audit.isStrict }),
      );
      const toError = (thrown: unknown): NegotiatorError => errorFor(thrown, request, admission, options);
      if (!ending.isDone) {
        const failure = toError(ending.thrown);
        record({ request, admission, failure, ran: start.facts }, start.begun);
        return call.fail(failure);
      }
      const { result, audit: ran, until } = ending.value;
      record({ request, admission, ran }, start.begun);
      try {
        call.respond(result);
      } catch (thrown) {
        call.fail(toError(thrown));
      }
      if (until !== undefined) await until;
    },
    async notice({ method, params }) {
      if (!methods.has(method)) return ignoreUnknown(method);
      const request = { method, startMs: now() };
      const admission = admit(params, () => findNoticeMethod(methods, method), options);
      using _ = leaseOf(admission);
      const ending = await settle(admission, ({ run, grant }) => run({ caller, grant, isOffered }));
      if (ending.isDone) return record({ request, admission });
      record({ request, admission, failure: errorFor(ending.thrown, request, admission, options) });
    },
  };
}

type Request = { callId?: string; method: string; user?: CallerInfo | undefined; startMs: number };
type Seen = Admission<never, unknown>;
type Ending<Ended> = { isDone: true; value: Ended } | { isDone: false; thrown: unknown };

/** Names come from peers, and a message must not grow with them. */
const SHOWN_NAME_LENGTH = 100;

function findCallMethod(methods: ReadonlyMap<string, Method>, name: string): CallMethod {
  const method = methods.get(name);
  if (method?.answers === true) return method;
  if (method !== undefined) {
    throw new NegotiatorError("BAD_REQUEST", `Cannot call "${name}": it is a notice and has no answer`);
  }
  const known = [...methods.values()].filter(({ answers }) => answers).map((other) => other.name);
  const message = `No method is called "${shorten(name, SHOWN_NAME_LENGTH)}"; there are: ${known.join(", ")}`;
  throw new NegotiatorError("UNKNOWN_METHOD", message);
}

function findNoticeMethod(methods: ReadonlyMap<string, Method>, name: string): NoticeMethod {
  const method = methods.get(name);
  if (method?.answers === false) return method;
  throw new NegotiatorError("BAD_REQUEST", `Cannot take the notice "${name}": it is a method with an answer`);
}

function leaseOf(admission: Admission<never, unknown>): Lease | undefined {
  return admission.isAdmitted ? admission.lease : undefined;
}

async function settle<Context, Ended>(
  admission: Admission<Context, Ended>,
  start: (admitted: Extract<Admission<Context, Ended>, { isAdmitted: true }>) => Promise<Ended>,
): Promise<Ending<Ended>> {
  if (!admission.isAdmitted) return { isDone: false, thrown: admission.thrown };
  try {
    return { isDone: true, value: await start(admission) };
  } catch (thrown) {
    return { isDone: false, thrown };
  }
}

/** A local user gets full errors. A peer must not learn more of our machine than it needs. */
function isPublic({ direction }: DispatcherOptions): boolean {
  return direction === "incoming";
}

function errorFor(
  thrown: unknown,
  { method }: Request,
  { resource }: Seen,
  options: DispatcherOptions,
): NegotiatorError {
  if (!isPublic(options)) return NegotiatorError.from(thrown);
  return toPublicError(thrown, formatAction(resource, method), options.role);
}

/** The start of a call: `begun` is there once the audit knows about it. */
type Start = { begun?: Begun; facts?: AuditResult };

/** Returns what writes the start of a call, and what it has done so far. */
function createStart(
  request: Request,
  admission: Seen,
  options: DispatcherOptions,
): { start: Start; begin: CallContext["begin"] } {
  const start: Start = {};
  return {
    start,
    async begin(facts = {}) {
      if (start.begun === undefined) {
        const entry = createEntry({ request, admission, ran: facts }, undefined, options);
        start.begun = options.audit.begin({ ...entry, durationMs: undefined });
        start.facts = facts;
      }
      await start.begun.synced;
    },
  };
}

type Concluded = {
  request: Request;
  admission: Seen;
  failure?: NegotiatorError;
  ran?: AuditResult | undefined;
};

function createEntry(
  { request, admission, failure, ran }: Concluded,
  problem: string | undefined,
  { role, direction, caller, now }: DispatcherOptions,
): AuditEntry {
  const { callId, method, user, startMs } = request;
  const { resource, target = identifyCaller(caller), rule } = admission;
  // A built-in command ignores its arguments, and a peer could fill the audit with them.
  const command =
    resource.kind === "command"
      ? { command: resource.name, ...(ran?.builtin === true ? {} : { args: resource.args }) }
      : {};
  return {
    role,
    direction,
    peer: target,
    ...(callId === undefined ? {} : { callId }),
    method,
    ...(user === undefined ? {} : { user }),
    ...command,
    ...verdictOf(failure),
    ...(rule === undefined ? {} : { rule }),
    ...ran,
    durationMs: Math.round(now() - startMs),
    ...(problem === undefined ? {} : { problem }),
  };
}
