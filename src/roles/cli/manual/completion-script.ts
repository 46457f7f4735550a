/** The completion scripts of shells. They ask the program for candidates, so one logic serves all shells. */
import { usageError } from "../usage.ts";
import bash from "./completion.bash" with { type: "text" };
import fish from "./completion.fish" with { type: "text" };
import zsh from "./completion.zsh" with { type: "text" };

/** The shells that have a script. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

const SCRIPTS: Record<(typeof SHELLS)[number], string> = { bash, zsh, fish };

/** Returns the script of a shell. Throws `BAD_USAGE` for another shell. */
export function completionScript(shell: string): string {
  const known = SHELLS.find((name) => name === shell);
  if (known === undefined) throw usageError("shell", shell, SHELLS, "negotiator completion --help");
  return SCRIPTS[known];
}
