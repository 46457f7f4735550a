/**
 * Owns the list of mistakes: what a newcomer does wrong, how, and the whole message that answers it. Each
 * message says what failed, with its value and condition, and then what to type.
 */
import { chmod } from "node:fs/promises";
import { describe, expect, test } from "bun:test";
import { runProgram } from "./program-run.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";

/**
 * A mistake on a machine without daemons and guests.
 * - `words`: what was typed after `negotiator`.
 * - `files`: content by name, in the directory DIR. `negotiator.toml` is the config, `policy.toml` the
 *   policy, and the commands are in `commands`.
 * - `modes`: modes of these files; 0644 by default, 0755 for commands.
 * - `message`: the lines on stderr. DIR stands for the directory.
 */
export type Mistake = {
  mistake: string;
  words: readonly string[];
  files?: Readonly<Record<string, string>>;
  modes?: Readonly<Record<string, number>>;
  environment?: Readonly<Record<string, string>>;
  exitCode: number;
  message: readonly string[];
};

/** Describes one test for each mistake. `misled` names those whose message is not right yet. */
export function describeMistakes(
  title: string,
  mistakes: readonly Mistake[],
  misled: readonly string[] = [],
): void {
  describe(title, () => {
    for (const row of mistakes) {
      const declare = misled.includes(row.mistake) ? test.failing : test;
      declare(row.mistake, async () => {
        const { run, directory } = await makeMistake(row);
        expectMessage(run, directory, row);
      });
    }
  });
}

/** Expects a run to end as the mistake says, with a message that helps. DIR stands for `directory`. */
export function expectMessage(
  { exitCode, stderr }: { exitCode: number; stderr: string },
  directory: string,
  expected: { exitCode: number; message: readonly string[] },
): void {
  const message = stderr.replaceAll(directory, "DIR").trimEnd().split("\n");
  expect({ exitCode, message }).toEqual({ exitCode: expected.exitCode, message: [...expected.message] });
  expect(faultsOf(message)).toEqual([]);
}

/** Returns the faults of a message as such: each needs a remedy, and no words of a library or the system. */
function faultsOf(message: readonly string[]): string[] {
  const text = message.join("\n");
  const [first = "", ...rest] = message;
  return [
    first.startsWith("negotiator: ") ? [] : ["it does not name the program"],
    rest.some((line) => REMEDY.test(line)) ? [] : ["no line of its own says what to do"],
    JOINED.test(text) ? ["it joins two sentences"] : [],
    FOREIGN.test(text) ? ["it has words of a library or the system"] : [],
    /[.!]$/.test(first) ? ["its first line ends with a full stop"] : [],
  ].flat();
}

/** Verbs with which a line that says what to do begins. */
const VERBS =
  "Add Ask Attach Begin Bring Call Check Choose Close Compare Correct Create Did Find Give Install " +
  "Join List Look Make Name Open Put Read Remove Rename Replace Restart Resume Run Send Set Shorten " +
  "Start Stop Try Use Wait Write";
const REMEDY = new RegExp(`^(?:${VERBS.replaceAll(" ", "|")})[ :]`);
const JOINED = /; [A-Z][a-z]+ /;
const FOREIGN = /\b(?:Expected|received|undefined|null|E[A-Z]{4,}|TypeError|valibot|JSON-RPC)\b/;

async function makeMistake({ words, files = {}, modes = {}, environment = {} }: Mistake): Promise<{
  run: { exitCode: number; stderr: string };
  directory: string;
}> {
  await using directory = await createTemporaryDirectory();
  const { path } = directory;
  for (const [name, text] of Object.entries({ "negotiator.toml": "", ...files })) {
    const file = await directory.write(name, text.replaceAll("DIR", path));
    await chmod(file, modes[name] ?? (/^commands\/[^.]*$/.test(name) ? 0o755 : 0o644));
  }
  const run = await runProgram(
    words.map((word) => word.replaceAll("DIR", path)),
    { environment: { ...environmentIn(path), ...environment } },
  );
  return { run, directory: path };
}

/** Keeps everything of this machine out. */
function environmentIn(path: string): Record<string, string> {
  return {
    NEGOTIATOR_CONFIG: `${path}/negotiator.toml`,
    NEGOTIATOR_COMMANDS_DIRECTORY: `${path}/commands`,
    NEGOTIATOR_POLICY_FILE: `${path}/policy.toml`,
    NEGOTIATOR_AUDIT_FILE: `${path}/audit.jsonl`,
    NEGOTIATOR_HOST_CONTROL: `${path}/host.sock`,
    NEGOTIATOR_GUEST_CONTROL: `${path}/guest.sock`,
    NEGOTIATOR_HOST_LIBVIRT: "no",
    NEGOTIATOR_HOST_QEMU: "no",
  };
}
