/** The answer of `list-commands`, without the code that reads directories. */
import * as v from "valibot";

/** The public description of a command. It has neither the path nor the user that the command runs as. */
export const CommandSummarySchema = v.object({
  name: v.string(),
  kind: v.picklist(["user", "builtin"]),
  description: v.exactOptional(v.string()),
  timeoutSeconds: v.exactOptional(v.number()),
  stdin: v.exactOptional(v.boolean()),
});
/** One command of the list, parsed. */
export type CommandSummary = v.InferOutput<typeof CommandSummarySchema>;

/** The answer of `list-commands`. */
export const CommandListSchema = v.object({
  commands: v.array(CommandSummarySchema),
  /** A sentence about an agent that is not ours, such as what it cannot do. */
  remark: v.exactOptional(v.string()),
});
/** The answer, parsed. */
export type CommandListAnswer = v.InferOutput<typeof CommandListSchema>;
