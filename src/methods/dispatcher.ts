/** Serves calls and notices: find, validate, ask the policy, count (`admission.ts`), run, audit, answer. */
import type { Audit, Begun } from "../audit/audit.ts";
import type { AuditEntry, AuditResult } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { createLimitedLog } from "../policy/limited-log.ts";
import { mayEverExecute } from "../policy/policy.ts";
import type { Lease } from "../policy/quota.ts";
import { shorten } from "../shorten.ts";
import type { CallerInfo, CallId } from "../wire/message.ts";
import { isJsonObject } from "../wire/json.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import { admit, readmit } from "./admission.ts";
import type { Admission, AdmissionOptions } from "./admission.ts";
import { callerKey, formatCaller, identifyCaller } from "../policy/caller.ts";
import type { Caller } from "../policy/caller.ts";
import type { CallContext, CallMethod, Grant, Method, NoticeMethod } from "./method.ts";
import { fullErrorOf, toPublicError } from "./public-error.ts";
import { formatAction, formatResource } from "../policy/resource.ts";
import type { IncomingNotice, RefusedCall } from "./serve.ts";
import { verdictOf } from "./verdict.ts";

/** Options of a dispatcher, which serves one caller. */
export type DispatcherOptions = AdmissionOptions & {
  /** The calls that cannot be handed over to another program now. */
  heldUp?: Set<IncomingCall>;
  /** Incoming calls run here; outgoing calls are passed on to the method's target. */
  direction: "incoming" | "outgoing";
  methods: readonly Method[];
  audit: Pick<Audit, "isStrict" | "begin" | "record">;
};

/** A call that is handed over, as plain data. `method` is what the method itself has to know. */
export type GivenCall = {
  id: CallId;
  caller: Caller;
  ageMs: number;
  grant: Grant;
  begun?: Pick<Begun, "kind" | "isLeftOut">;
  facts?: AuditResult;
  method: unknown;
};

/** Returns the data of the program that had the call before; undefined for a new call. */
export function givenCall({ handOver }: Pick<IncomingCall, "handOver">): GivenCall | undefined {
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return handOver?.given as GivenCall | undefined;
}

/**
 * Neither promise rejects. Both resolve after the method has ended and the audit has its entry. `caller`
 * replaces the one of the options, for one call.
 */
export type Dispatcher = {
  call: (call: IncomingCall, caller?: Caller) => Promise<void>;
  notice: (notice: IncomingNotice) => Promise<void>;
  /** Writes down a call that was refused before it came here. */
  refused: (call: RefusedCall) => void;
};

const log = logFor("calls");

/** A caller that fails again and again must not fill the log. The audit counts all failures. */
const LOGGED_FAILURES = { calls: 10, perMs: 60_000 };
const LOGGED_UNKNOWN_NOTICES = { calls: 1, perMs: 60_000 };

/** Returns a dispatcher for one caller. Every call is answered. `NoticeDefinition` lists lost notices. */
export function createDispatcher(options: DispatcherOptions): Dispatcher {
  const { quota, now, audit } = options;
  const methods = new Map(options.methods.map((method) => [method.name, method]));
  const limited = { quota, now };
  const warn = createLimitedLog({ ...limited, write: (line) => log.warn(line), rate: LOGGED_FAILURES });
  const debug = createLimitedLog({
    ...limited,
    write: (line) => log.debug(line),
    rate: LOGGED_UNKNOWN_NOTICES,
  });
  let unknownNotices = 0;

  function ignoreUnknown(name: string): void {
    const { caller } = options;
    unknownNotices++;
    const sent = `sent an unknown notice "${shorten(name, SHOWN_NAME_LENGTH)}"`;
    const line = `${formatCaller(caller)} ${sent}; unknown notices so far: ${unknownNotices}`;
    debug(["unknown notices", ...callerKey(caller)], line);
  }

  function record(concluded: Concluded, { caller }: Pick<AdmissionOptions, "caller">, begun?: Begun): void {
    const { request, admission, failure } = concluded;
    const full = failure !== undefined && isPublic(options) ? fullErrorOf(failure) : undefined;
    const problem = full === failure ? undefined : full?.message;
    if (problem !== undefined) {
      const what = formatResource(admission.resource, request.method);
      warn(["failures", ...callerKey(caller)], `${formatCaller(caller)} called ${what}: ${problem}`);
    }
    // A program that watches the daemon asks all the time, and only this daemon.
    if (admission.own === "question" && failure === undefined) return;
    audit.record(createEntry(concluded, problem, { ...options, caller }), begun);
  }

  return {
    async call(call, caller = options.caller) {
      const { method, params } = call;
      const own = caller === options.caller ? options : { ...options, caller };
      const given = givenCall(call);
      const request = { callId: call.id, method, user: call.caller, startMs: now() - (given?.ageMs ?? 0) };
      const leftMs = (): number | undefined =>
        call.timeoutMs && Math.max(1, call.timeoutMs - (now() - request.startMs));
      const find = (): CallMethod => findCallMethod(methods, method);
      const admission =
        given === undefined ? admit(params, find, own) : readmit(params, find, given.grant, own);
      using _ = leaseOf(admission);
      const isOffered = offeredTo(own, admission);
      const { start, begin, announce } = createStart(request, admission, own, given);
      using handing = handOverOf(call, { caller, admission, start, request }, options);
      const { onFreeze } = handing;
      const ending = await settle(admission, ({ run, grant }) => {
        const context = { call, leftMs, caller, grant, isOffered, begin, announce, onFreeze };
        return run({ ...context, isStrict: audit.isStrict, given: given?.method });
      });
      const toError = (thrown: unknown): NegotiatorError => errorFor(thrown, request, admission, options);
      if (!ending.isDone) {
        const failure = toError(ending.thrown);
        record({ request, admission, failure, ran: start.facts }, own, start.begun);
        return call.fail(failure);
      }
      const { result, audit: ran, until } = ending.value;
      record({ request, admission, ran }, own, start.begun);
      try {
        call.respond(result);
      } catch (thrown) {
        call.fail(toError(thrown));
      }
      if (until !== undefined) await until;
    },
    async notice({ method, params }) {
      if (!methods.has(method)) return ignoreUnknown(method);
      const { caller } = options;
      const request = { method, startMs: now() };
      const admission = admit(params, () => findNoticeMethod(methods, method), options);
      using _ = leaseOf(admission);
      const isOffered = offeredTo(options, admission);
      const ending = await settle(admission, ({ run, grant }) => run({ caller, grant, isOffered }));
      if (ending.isDone) return record({ request, admission }, options);
      const failure = errorFor(ending.thrown, request, admission, options);
      record({ request, admission, failure }, options);
    },
    refused({ id, method, params, caller: user, error }) {
      const request = { ...(id === undefined ? {} : { callId: id }), method, user, startMs: now() };
      const admission = { isAdmitted: false, thrown: error, ...guess(params) } as const;
      record({ request, admission, failure: error }, options);
    },
  };
}

type Handed = { caller: Caller; admission: Seen & { grant?: Grant }; start: Start; request: Request };

/** Registers what the next program gets of a call. Disposing forgets it. */
function handOverOf(
  call: IncomingCall,
  { caller, admission: { grant }, start, request }: Handed,
  { heldUp, now }: DispatcherOptions,
): Disposable & Pick<CallContext, "onFreeze"> {
  // A foreign dialect has no session that could go on. A call that was handed over has nothing to hand on
  // until its method has gone on, and would run again from its beginning.
  if (call.handOver === undefined || givenCall(call) !== undefined) heldUp?.add(call);
  const describe = (method: unknown): GivenCall | undefined =>
    grant && {
      id: call.id,
      caller,
      ageMs: now() - request.startMs,
      grant,
      method,
      ...(start.begun && { begun: { kind: start.begun.kind, isLeftOut: start.begun.isLeftOut } }),
      ...(start.facts && { facts: start.facts }),
    };
  return {
    onFreeze(freeze) {
      if (freeze === "never" || call.handOver === undefined) heldUp?.add(call);
      else {
        call.handOver.onFreeze(() => describe(freeze()));
        heldUp?.delete(call);
      }
    },
    [Symbol.dispose]: () => void heldUp?.delete(call),
  };
}

/** Returns the function that says whether a command may be offered to the caller, or to where it calls. */
function offeredTo(
  { caller, policy }: Pick<AdmissionOptions, "caller" | "policy">,
  { target }: Seen,
): (command: string) => boolean {
  return (command) => mayEverExecute(policy(), caller, command, target);
}

/** Returns the resource that the unchecked parameters of a refused call seem to ask for. */
function guess(params: unknown): Pick<Seen, "own" | "resource" | "target"> {
  const { command, guest } = isJsonObject(params) ? params : {};
  return {
    own: undefined,
    resource: typeof command === "string" ? { kind: "command", name: command, args: [] } : { kind: "none" },
    ...(typeof guest === "string" && { target: { guest } }),
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
  given: GivenCall | undefined,
): { start: Start } & Pick<CallContext, "begin" | "announce"> {
  const start: Start = {
    ...(given?.begun && { begun: { ...given.begun, synced: undefined } }),
    ...(given?.facts && { facts: given.facts }),
  };
  const announce: CallContext["announce"] = (facts = {}) => {
    if (start.begun === undefined) {
      const entry = createEntry({ request, admission, ran: facts }, undefined, options);
      start.begun = options.audit.begin({ ...entry, durationMs: undefined });
      start.facts = facts;
    }
    const { synced } = start.begun;
    return async () => {
      try {
        await synced?.();
      } catch (thrown) {
        // The call is refused, so it has not begun.
        delete start.begun;
        throw thrown;
      }
    };
  };
  return { start, announce, begin: async (facts) => announce(facts)() };
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
  const { own, resource, target = identifyCaller(caller), rule } = admission;
  // A built-in command ignores its arguments, and a peer could fill the audit with them.
  const command =
    resource.kind === "command"
      ? { command: resource.name, ...(ran?.builtin === true ? {} : { args: resource.args }) }
      : resource.kind === "path"
        ? { path: resource.path, args: resource.args, variables: resource.variables }
        : {};
  return {
    role,
    direction: own === undefined ? direction : "local",
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
