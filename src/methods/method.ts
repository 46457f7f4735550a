/** Defines methods: a peer calls them, or sends them as notices. `dispatcher.ts` serves them. */
import * as v from "valibot";
import type { AuditPeer, AuditResult } from "../audit/audit-line.ts";
import { NegotiatorError } from "../errors.ts";
import type { Decision } from "../policy/policy.ts";
import type { QuotaLimits } from "../policy/quota.ts";
import { FIRST_ISSUE } from "../wire/json.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import type { Caller } from "../policy/caller.ts";
import type { Resource } from "../policy/resource.ts";

/** The decision of a policy that allows a call, with the limits that it sets. */
export type Grant = Extract<Decision, { allowed: true }>;

/**
 * The context of a running method. `isOffered` returns whether the policy lets the caller run a command with
 * some arguments.
 */
export type MethodContext = {
  caller: Caller;
  grant: Grant;
  isOffered: (command: string) => boolean;
};

/**
 * The context of a method that answers. `begin` writes the audit's line about the start of what the call
 * asks for. A method that runs something waits for it before that. Further calls of it do nothing. It rejects
 * if the call must not run, because it cannot be written down; only then `isStrict` matters: the line has to
 * be written before a call is passed on.
 */
export type CallContext = MethodContext & {
  call: IncomingCall;
  /**
   * Returns the milliseconds until the caller's deadline, at least 1, or undefined if it has set none. They
   * count from the moment at which the call came.
   */
  leftMs: () => number | undefined;
  /** The data of the program that this one has replaced, if the call goes on; see `onFreeze`. */
  given: unknown;
  /**
   * Sets what returns the data with which the next program goes on with the call, as plain data. Without it
   * the next program runs the method from its beginning. `never`: the daemon cannot be replaced before the
   * call has ended.
   */
  onFreeze: (freeze: (() => unknown) | "never") => void;
  begin: (facts?: Pick<AuditResult, "builtin">) => Promise<void>;
  /** Does the first half of `begin`, and returns the second one: it waits until the line is written. */
  announce: (facts?: Pick<AuditResult, "builtin">) => () => Promise<void>;
  isStrict: boolean;
};

/**
 * The answer of a method: `result` goes to the caller, `audit` into the audit's entry. The call counts under
 * the limits of the method and of the policy until `until` resolves; it never rejects.
 */
export type MethodAnswer = { result: unknown; audit?: AuditResult; until?: Promise<unknown> | undefined };

type Definition<Params> = {
  name: string;
  /** Has to limit the length of each value and the number of values. */
  params: v.GenericSchema<unknown, Params>;
  /** Returns the resource that the call asks for. Default: none. */
  resource?: (params: Params) => Resource;
  /** Returns the receiver of a call that is passed on, for the audit. */
  target?: (params: Params) => AuditPeer;
  /** The method runs nothing, so it needs no rule that allows it. A rule that denies it still counts. */
  isOpen?: boolean;
  /**
   * The method is about this daemon itself, so the policy is not asked. A question that is answered has no
   * entry in the audit, a change has one.
   */
  own?: "question" | "change";
};

/** A method that answers. `limits` hold for each caller, also without a policy. */
export type CallDefinition<Params> = Definition<Params> & {
  answers?: true;
  limits?: QuotaLimits;
  run: (params: Params, context: CallContext) => Promise<MethodAnswer>;
};

/**
 * A notice: a method without an answer. It must have limits, because the sender does not wait for an answer.
 *
 * The sender does not learn whether a notice was lost. There is no retry. A session that ends loses the
 * notices that it has not delivered. The dispatcher loses a notice in these cases:
 *
 * - This side has no method of that name. The dispatcher counts the notice and logs the count at level debug.
 * - The method is one that answers, the parameters are invalid, the policy denies the notice, a limit is
 *   reached, or `run` throws. The audit gets an entry with the code of the error.
 *
 * Every other notice has an entry in the audit too, in the share of calls that only asked for something.
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
  own: "question" | "change" | undefined;
  limits: QuotaLimits | undefined;
  /** The method needs a rule that allows it, also where there is no policy. */
  needsRule?: boolean;
  /** Throws `BAD_REQUEST` with the first problem of the parameters. */
  prepare: (params: unknown) => Prepared<Context, Ended>;
};

/** Made by `defineMethod`. */
export type CallMethod = Defined<CallContext, MethodAnswer> & { answers: true };
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
  definition: Definition<Params> & LimitsOption,
  run: (params: Params, context: Context) => Promise<Ended>,
): Defined<Context, Ended> {
  const { name, params: schema, resource, target, isOpen = false, own, limits } = definition;
  return {
    name,
    isOpen,
    own,
    limits,
    prepare(raw) {
      const checked = v.safeParse(schema, raw, FIRST_ISSUE);
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
