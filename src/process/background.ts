/** Starts this program again in the background. */
import { closeSync, constants, openSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { ownCommandLine } from "../trust/own-program.ts";
import { toolEnvironment } from "../config/config.ts";
import { startCleanly } from "./inherited-state.ts";

/** `pidFile` gets the process id. `logFile` gets the log; without it there is none. */
export type BackgroundOptions = { pidFile: string; logFile: string };

const { O_APPEND, O_CREAT, O_NOFOLLOW, O_WRONLY } = constants;
const LOG_MODE = 0o640;

/** Starts the program with these words, under the name `calledAs`, in a new session. */
export async function startInBackground(
  calledAs: string,
  words: readonly string[],
  { pidFile, logFile }: BackgroundOptions,
): Promise<void> {
  const flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW;
  const output = logFile === "" ? undefined : openSync(logFile, flags, LOG_MODE);
  const child = startCleanly(() =>
    Bun.spawn({
      cmd: ownCommandLine(words),
      argv0: calledAs,
      env: toolEnvironment(),
      cwd: "/",
      detached: true,
      stdio: ["ignore", "ignore", output ?? "ignore"],
    }),
  );
  child.unref();
  if (output !== undefined) closeSync(output);
  await writeFile(pidFile, `${child.pid}\n`);
}
