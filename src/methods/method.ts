/** The definition of a method: what a peer can call, or send as a notice. `dispatcher.ts` serves it. */
import * as v from "valibot";
import type { AuditPeer, AuditResult } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import type { Decision } from "../policy/policy.ts";
import type { QuotaLimits } from "../policy/quota.ts";
import { FIRST_FLAW } from "../wire/json.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import type { Caller } from "./caller.ts";
import type { Resource } from "./resource.ts";

/** A message without an answer, as it came from the peer. */
export type IncomingNotice = { method: string; params: unknown };

/** Serves the calls and the notices of one caller, in whatever dialect they came. Neither function throws. */
export type Serve = { call: (call: IncomingCall) => void; notice: (notice: IncomingNotice) => void };

/** The decision of a policy that allows a call, with the limits that it sets. */
export type Grant = Extract<Decision, { allowed: true }>;

/** What a running method knows. `isOffered` returns whether the caller may know of a command: it may run it in some way. */
export type MethodContext = {
  caller: Caller;
  grant: Grant;
  isOffered: (command: string) => boolean;
};

/** What a method that answers knows. */
export type CallContext = MethodContext & { call: IncomingCall };

/** How a method answers: `result` goes to the caller, `audit` into the audit's entry. */
export type Answer = { result: unknown; audit?: AuditResult };

type Definition<Params> = {
  name: string;
  /** Has to bound the length and the number of everything in it. */
  params: v.GenericSchema<unknown, Params>;
  /** What the call asks for; `none` by default. */
  resource?: (params: Params) => Resource;
  /** Who gets a call that is passed on. The audit names it as the peer. */
  target?: (params: Params) => AuditPeer;
  /** The method runs nothing, so it needs no rule that allows it. A rule that denies it still counts. */
  isOpen?: boolean;
};

/** A method that answers. `limits` hold for each caller, also without a policy. */
export type CallDefinition<Params> = Definition<Params> & {
  answers?: true;
  limits?: QuotaLimits;
  run: (params: Params, context: CallContext) => Promise<Answer>;
};

/**
 * A notice: a method without an answer. It must have limits, because no answer slows the sender down. The sender never
 * learns what became of a notice. It is lost, without a retry, if
 * - this side has no method of that name: it is counted and logged at level debug, within a rate;
 * - the method is one that answers, the parameters are invalid, the policy denies it, a limit is reached, or `run` throws:
 *   the audit gets an entry with the error's code.
 * An open notice that succeeds leaves no entry, as an open call does.
 */
export type NoticeDefinition<Params> = Definition<Params> & {
  answers: false;
  limits: QuotaLimits;
  run: (params: Params, context: MethodContext) => Promise<void>;
};

/** A call or notice whose parameters are valid. */
export type Prepared<Context, Ended> = {
  resource: Resource;
  target: AuditPeer | undefined;
  run: (context: Context) => Promise<Ended>;
};

/** The part of a method that calls and notices have in common. */
export type Defined<Context, Ended> = {
  name: string;
  isOpen: boolean;
  limits: QuotaLimits | undefined;
  /** Throws `BAD_REQUEST` with the first problem of the parameters. */
  prepare: (params: unknown) => Prepared<Context, Ended>;
};

/** Made by `defineMethod`. */
export type CallMethod = Defined<CallContext, Answer> & { answers: true };
/** Made by `defineMethod`, with `answers: false`. */
export type NoticeMethod = Defined<MethodContext, void> & { answers: false };
/** Any method. */
export type Method = CallMethod | NoticeMethod;

/** Returns the method; the dispatcher checks its parameters before it runs. */
export function defineMethod<Params>(definition: CallDefinition<Params>): CallMethod;
export function defineMethod<Params>(definition: NoticeDefinition<Params>): NoticeMethod;
export function defineMethod<Params>(definition: CallDefinition<Params> | NoticeDefinition<Params>): Method {
  return definition.answers === false
    ? { ...define(definition, definition.run), answers: false }
    : { ...define(definition, definition.run), answers: true };
}

function define<Params, Context, Ended>(
  { name, params: schema, resource, target, isOpen = false, limits }: Definition<Params> & LimitsOption,
  run: (params: Params, context: Context) => Promise<Ended>,
): Defined<Context, Ended> {
  return {
    name,
    isOpen,
    limits,
    prepare(raw) {
      const checked = v.safeParse(schema, raw, FIRST_FLAW);
      if (!checked.success) throw invalidParameter(name, checked.issues[0]);
      const params = checked.output;
      return {
        resource: resource?.(params) ?? { kind: "none" },
        target: target?.(params),
        run: (context) => run(params, context),
      };
    },
  };
}

type LimitsOption = { limits?: QuotaLimits };

function invalidParameter(name: string, issue: v.BaseIssue<unknown>): NegotiatorError {
  const problem = `${v.getDotPath(issue) ?? "params"}: ${issue.message}`;
  return new NegotiatorError("BAD_REQUEST", `Cannot call "${name}": ${problem}`);
}
