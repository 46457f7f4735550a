/** Defines the commands of the guest agent: methods that clients of the QEMU guest agent call. */
import { NegotiatorError } from "../../errors.ts";
import type { Resource } from "../../policy/resource.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { CallContext, CallMethod, MethodAnswer } from "../method.ts";
import { readArguments } from "./agent-arguments.ts";
import type { Arguments, Values } from "./agent-arguments.ts";

/**
 * The clients that may call a command. `counted`: all clients, and the audit has no entry. `open`: all
 * clients, unless a rule denies it. `usual`: all clients while there is no policy. `ruled`: only by a rule
 * that allows it.
 */
export type Access = "counted" | "open" | "usual" | "ruled";

/** A command, before the agent's state is known. */
export type AgentCommand = {
  name: string;
  access: Access;
  /** True for a command that is answered by what it does. */
  isSilent: boolean;
  /** True for the commands that are possible while file systems are frozen. */
  worksFrozen: boolean;
  method: CallMethod;
};

type Definition<Given extends Arguments> = {
  name: string;
  access: Access;
  isSilent?: boolean;
  worksFrozen?: boolean;
  /** True if it runs a program as the user that a rule names. */
  takesUser?: boolean;
  args?: Given;
  resource?: (args: Values<Given>) => Resource;
  /** Returns the answer; undefined for a command without one. */
  run: (args: Values<Given>, context: CallContext) => unknown;
};

/** Returns the command. A command that needs a rule writes the audit's start line before it runs. */
export function defineAgentCommand<Given extends Arguments>(definition: Definition<Given>): AgentCommand {
  const { name, access, isSilent = false, worksFrozen = false, takesUser = false } = definition;
  const { args, resource, run } = definition;
  const method: CallMethod = {
    name,
    answers: true,
    isOpen: access === "open",
    own: access === "counted" ? "question" : undefined,
    needsRule: access === "ruled",
    limits: undefined,
    prepare(raw) {
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- without `args` there are none
      const given = args ?? ({} as Given);
      const values = readArguments(given, isJsonObject(raw) ? raw : {});
      return {
        resource: resource?.(values) ?? { kind: "none" },
        target: undefined,
        async run(context): Promise<MethodAnswer> {
          if (!takesUser && context.grant.user !== undefined)
            throw new NegotiatorError("DENIED", `A rule with a user does not fit ${name}`);
          if (access === "ruled") await context.begin();
          return { result: await run(values, context) };
        },
      };
    },
  };
  return { name, access, isSilent, worksFrozen, method };
}

/** The error of a command that did not succeed. `problem` has the system's words. */
export function failed(problem: string, cause?: unknown): NegotiatorError {
  return new NegotiatorError("NOT_EXECUTABLE", problem, cause instanceof NegotiatorError ? {} : { cause });
}

/** The error of a command that this machine cannot do. */
export function unsupported(): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", "this feature or command is not currently supported");
}
