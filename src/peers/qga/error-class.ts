/** Our errors in the two classes that clients of the QEMU guest agent know. */
import type { NegotiatorError } from "../../errors.ts";

/** An error as these clients read it. */
export type AgentError = { class: "CommandNotFound" | "GenericError"; desc: string };

/**
 * Returns the error of a request for this command as a client gets it. A client leaves out a command of the
 * first class without a message. The texts are those that clients look for.
 */
export function toAgentError({ code, message }: NegotiatorError, command: string): AgentError {
  if (code === "UNKNOWN_METHOD")
    return { class: "CommandNotFound", desc: `The command ${command} has not been found` };
  if (code !== "DENIED") return { class: "GenericError", desc: message };
  const problem = `Command ${command} has been disabled: the command is not allowed`;
  return { class: "CommandNotFound", desc: `${problem} (${message})` };
}
