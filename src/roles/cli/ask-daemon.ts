/** Asks this machine's daemon for something that it can answer at once. */
import type * as v from "valibot";
import { unresponsiveDaemon } from "./cli-session.ts";
import { answerInTime } from "../../peers/deadline.ts";
import { checkResult } from "../../peers/remote-command.ts";
import { printable } from "../../printable.ts";
import { standardOutput } from "../../standard-output.ts";
import { VERSION } from "../../version.ts";
import { FileStatusSchema } from "../daemon/file-status.ts";
import type { FileStatus } from "../daemon/file-status.ts";
import type { CliSession } from "./cli-session.ts";

/** A daemon that runs answers much sooner. */
const TIMEOUT_MS = 10_000;

/**
 * Returns the daemon's answer to `method`. Rejects with `NO_CHANNEL` or `TIMEOUT` when it takes longer than
 * `timeoutMs` (0 for no limit), and with `BAD_REQUEST` when a daemon of another version answers in another
 * shape.
 */
export function askDaemon<Schema extends v.GenericSchema>(
  { role, session }: CliSession,
  method: string,
  schema: Schema,
  { timeoutMs = TIMEOUT_MS, params }: { timeoutMs?: number | undefined; params?: unknown } = {},
): Promise<v.InferOutput<Schema>> {
  const call = session.call({ method, keepsLines: true, ...(params === undefined ? {} : { params }) });
  const answer = answerInTime(call, { timeoutMs }, session, () => unresponsiveDaemon(role));
  return checkResult(
    answer.then(({ result }) => result),
    schema,
  );
}

/** A warning, and what to do. */
export type VersionWarning = { problem: string; remedy: string };

/**
 * Says that the daemon is of another release than this program, or that its own file was replaced, as after
 * an upgrade, and how it takes the new program. Calls survive a `reexec`, but old releases have none.
 */
export function explainVersion(
  { role, session }: Pick<CliSession, "role"> & { session: Pick<CliSession["session"], "peer"> },
  { isProgramReplaced }: Pick<FileStatus, "isProgramReplaced">,
): VersionWarning | undefined {
  const version = session.peer?.version;
  const isOther = version !== undefined && version !== VERSION;
  if (!isOther && isProgramReplaced !== true) return undefined;
  const problem = isOther
    ? `The running daemon is negotiator ${version}, and this program is ${VERSION}`
    : `The file of the running daemon's program was replaced after its start`;
  const remedy =
    isProgramReplaced === undefined
      ? `Restart it: systemctl restart negotiator-${role}`
      : `Let the daemon take the new program: negotiator ${role} reexec`;
  return { problem, remedy };
}

/** Returns the two lines of `explainVersion`, as people get them. */
export function formatVersionWarning(warning: VersionWarning | undefined): string | undefined {
  return warning && `${warning.problem}\n${warning.remedy}`;
}

/** Writes to stderr that the daemon is of another release. */
export async function warnOfVersion(control: CliSession): Promise<void> {
  const { version } = control.session.peer ?? {};
  if (version === undefined || version === VERSION) return;
  const status = await askDaemon(control, "status", FileStatusSchema);
  const problem = formatVersionWarning(explainVersion(control, status));
  if (problem === undefined) return;
  await standardOutput.write("stderr", `negotiator: ${problem.split("\n").map(printable).join("\n")}\n`);
}
