/** The resource of a call, known after its parameters are checked. Errors and log lines name its kind. */
import { printable } from "../printable.ts";

/**
 * A command with its arguments, a path with what is to be done there, or nothing besides the method itself.
 * The arguments of a path are those of a program, or the mode in which a file is to be opened. `variables`
 * are the names of those that the caller gives to the program. To add a kind,
 * add a member here, a row in `KINDS`, a condition in `rule-match.ts`, and a member of `AuditEntry` with the
 * name of the kind.
 */
export type Resource =
  | { kind: "command"; name: string; args: readonly string[] }
  | { kind: "path"; path: string; args: readonly string[]; variables?: readonly string[] }
  | { kind: "none" };

/** Returns the resource as an object in a sentence, such as `the command "uptime"` or `the method "info"`. */
export function formatResource(resource: Resource, method: string): string {
  const { noun } = KINDS[resource.kind];
  return `the ${noun} "${nameOf(resource, method)}"`;
}

/** Returns the action on the resource, to follow "Cannot": `run "uptime"` or `answer "info"`. */
export function formatAction(resource: Resource, method: string): string {
  const { verb } = KINDS[resource.kind];
  return `${verb} "${nameOf(resource, method)}"`;
}

const KINDS = {
  command: { noun: "command", verb: "run" },
  path: { noun: "path", verb: "use" },
  none: { noun: "method", verb: "answer" },
} as const satisfies Record<Resource["kind"], { noun: string; verb: string }>;

function nameOf(resource: Resource, method: string): string {
  if (resource.kind === "path") return printable(resource.path);
  return printable(resource.kind === "command" ? resource.name : method);
}
