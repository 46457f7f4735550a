/** A call as `list-calls` shows it, without the code of the method. */
import * as v from "valibot";
import { ExecuteResultSchema } from "./execute-schemas.ts";

const { exitCode, signal, endedBy } = ExecuteResultSchema.entries;

/** A call of the list. The result is there for a detached command that has ended. */
export const ListedCallSchema = v.object({
  id: v.string(),
  method: v.string(),
  command: v.exactOptional(v.string()),
  state: v.picklist(["running", "finished"]),
  isDetached: v.boolean(),
  caller: v.exactOptional(
    v.object({
      uid: v.exactOptional(v.number()),
      name: v.exactOptional(v.string()),
      pid: v.exactOptional(v.number()),
      program: v.exactOptional(v.string()),
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
