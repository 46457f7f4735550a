/** A call as `list-calls` shows it, without the code of the method. */
import * as v from "valibot";
import { ExecuteResultSchema } from "./execute-schemas.ts";

const { exitCode, signal, endedBy } = ExecuteResultSchema.entries;

/** Texts come from peers, and end in tables. */
const Short = v.pipe(v.string(), v.maxLength(256));

/** A call of the list. The result is there for a detached command that has ended. */
export const ListedCallSchema = v.object({
  id: Short,
  method: Short,
  command: v.exactOptional(Short),
  state: v.picklist(["running", "finished"]),
  isDetached: v.boolean(),
  caller: v.exactOptional(
    v.object({
      uid: v.exactOptional(v.number()),
      name: v.exactOptional(Short),
      pid: v.exactOptional(v.number()),
      program: v.exactOptional(Short),
    }),
  ),
  startedMs: v.number(),
  finishedMs: v.exactOptional(v.number()),
  exitCode: v.exactOptional(exitCode),
  signal: v.exactOptional(signal),
  endedBy: v.exactOptional(endedBy),
});
/** A call of the list, parsed. */
export type ListedCall = v.InferOutput<typeof ListedCallSchema>;

/**
 * More calls of one peer than it can have: 128 that run, and 1000 that are kept. `v.unknown` first, so that a
 * list that is too long costs nothing.
 */
const MOST_CALLS = 1200;

/** The result of `list-calls`. */
export const CallListSchema = v.object({
  calls: v.pipe(v.array(v.unknown()), v.maxLength(MOST_CALLS), v.array(ListedCallSchema)),
});
