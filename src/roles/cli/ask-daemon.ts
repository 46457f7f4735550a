/** Asking our own daemon what it knows at once. */
import type * as v from "valibot";
import { answerInTime } from "../../peers/deadline.ts";
import { checkResult } from "../../peers/remote-command.ts";
import { unresponsiveDaemon } from "./control-client.ts";
import type { CliSession } from "./cli-session.ts";

/** A daemon that says nothing for so long stands still. */
const PATIENCE_MS = 10_000;

/**
 * What the daemon answers to `method`. Rejects with `NO_CHANNEL` or `TIMEOUT` when it does not within
 * `timeoutMs`, 0 is no limit; with `BAD_REQUEST` when the answer has another shape, as a daemon of another
 * version may give.
 */
export function askDaemon<Schema extends v.GenericSchema>(
  { session }: CliSession,
  method: string,
  schema: Schema,
  timeoutMs: number = PATIENCE_MS,
): Promise<v.InferOutput<Schema>> {
  const answer = answerInTime(session.call({ method }), timeoutMs, session, unresponsiveDaemon);
  return checkResult(
    answer.then(({ result }) => result),
    schema,
  );
}
