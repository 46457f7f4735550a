/** The findings of `doctor`: one line each, with the command that helps. */
import { errnoOf } from "../../errors.ts";
import type { NegotiatorError } from "../../errors.ts";

/** `unknown`: the check could not look, for example without root. */
export type Level = "ok" | "warning" | "problem" | "unknown";

/** A command that helps and can do no harm, so that `--fix` may run it. */
export type Fix = readonly [program: string, ...words: string[]];

/** One finding. `check` names the check; `remedy` has lines that say what to do. */
export type Finding = { check: string; level: Level; text: string; remedy?: string; fix?: Fix };

/** A finding of the check that makes it. */
export type Found = Omit<Finding, "check">;

/** The exit code of `doctor` for wrong usage, and if it cannot tell. */
export const CANNOT_TELL = 3;

/** All is well. */
export function ok(text: string): Found {
  return { level: "ok", text };
}

/** Something will get in the way. */
export function warning(text: string, remedy?: string, fix?: Fix): Found {
  return found("warning", text, remedy, fix);
}

/** Something does not work. */
export function problem(text: string, remedy?: string, fix?: Fix): Found {
  return found("problem", text, remedy, fix);
}

/** The check could not look. */
export function unknown(text: string, remedy?: string): Found {
  return found("unknown", text, remedy);
}

/** A finding with the first line of an error, and its other lines as the remedy. */
export function fromError({ message }: NegotiatorError, level: Level = "problem"): Found {
  const [text = "", ...remedy] = message.split("\n");
  return found(level, text, remedy.length === 0 ? undefined : remedy.join("\n"));
}

/** An error of a look: without root, and without the right to look, the check cannot tell. */
export function fromLook(error: NegotiatorError, isRoot: boolean): Found {
  if (isRoot || !isDenial(error)) return fromError(error);
  const { text, remedy } = fromError(error);
  return unknown(text, error.code === "DENIED" ? remedy : AS_ROOT);
}

/** Returns whether an error says that this user has no right. */
export function isDenial({ code, cause }: NegotiatorError): boolean {
  return code === "DENIED" || ["EACCES", "EPERM"].includes(errnoOf(cause) ?? "");
}

/** The remedy of a check that only root can make. */
export const AS_ROOT = "Run doctor as root";

function found(level: Level, text: string, remedy?: string, fix?: Fix): Found {
  return { level, text, ...(remedy === undefined ? {} : { remedy }), ...(fix === undefined ? {} : { fix }) };
}
