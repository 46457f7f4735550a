/** Runs the checks of `doctor`, and the remedies that can do no harm. */
import { CONFIG_FILE } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import { printable } from "../../printable.ts";
import { lockMachine } from "../../process/machine-lock.ts";
import { runText } from "../../process/run-text.ts";
import { shellLine } from "../../shell-word.ts";
import { standardOutput } from "../../standard-output.ts";
import { ourUid } from "../../trust/ownership.ts";
import { ownCommandLine } from "../../trust/own-program.ts";
import { print } from "../cli/output.ts";
import { terminalSize } from "../cli/streams.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { runCheck } from "./check.ts";
import type { Check } from "./check.ts";
import type { Finding, Fix } from "./finding.ts";
import { describeFinding, formatFinding, summarize, worstExitCode } from "./report.ts";
import { readUnit } from "./unit.ts";

/** `inTurn`: the checks use the same socket, so that they would disturb each other. */
export type ExamineOptions = { inTurn?: boolean };

/**
 * Prints the findings of the checks, in their order. With `--fix` it runs the harmless remedies, each after
 * it was printed, and then all checks: one remedy, such as a start of the daemon, mends what several found.
 * It prints those that asked, and those that find something else now. Exit code: see `worstExitCode`.
 */
export async function examine(
  role: Role,
  checks: readonly Check[],
  invocation: Invocation,
  { inTurn = false }: ExamineOptions = {},
): Promise<Outcome> {
  const { words, configProblem } = invocation;
  const isJson = words.options.has("json");
  const facts = { role, invocation, configProblem, isRoot: ourUid() === 0 };
  const columns = isJson ? undefined : (await terminalSize("stdout"))?.columns;
  const show = (finding: Finding): Promise<Outcome> =>
    print(isJson ? formatFinding(finding) : describeFinding(finding, columns));
  let isStuck = false;
  const runAll = async (isShown: (finding: Finding) => boolean): Promise<Finding[]> => {
    let unit: ReturnType<typeof readUnit> | undefined;
    const examination = { ...facts, unit: () => (unit ??= readUnit(role)) };
    const start = (check: Check): ReturnType<typeof runCheck> => runCheck(check, examination);
    const running = inTurn ? [] : checks.map(start);
    const all: Finding[] = [];
    for (const [index, check] of checks.entries()) {
      const { findings, hasEnded } = await (running[index] ?? start(check));
      isStuck ||= !hasEnded;
      for (const finding of findings) if (isShown(finding)) await show(finding);
      all.push(...findings);
    }
    return all;
  };

  let findings = await runAll(() => true);
  if (words.options.has("fix")) {
    const repaired = await repair(findings, configWords(invocation));
    const before = new Set(findings.map(keyOf));
    const isNew = (finding: Finding): boolean => repaired.has(finding.check) || !before.has(keyOf(finding));
    if (repaired.size > 0) findings = await runAll(isNew);
  }
  if (!isJson) await print(summarize(findings));
  return { exitCode: worstExitCode(findings), ...(isStuck ? { isStuck } : {}) };
}

/** Figures in a text differ from run to run. */
function keyOf({ check, level, text }: Finding): string {
  return `${check} ${level} ${level === "ok" ? "" : text}`;
}

/**
 * Runs the remedies, and returns the names of the checks that asked for one. A remedy such as `add-channel`
 * takes another lock.
 */
async function repair(findings: readonly Finding[], config: readonly string[]): Promise<Set<string>> {
  using _ = await lockMachine({ name: "fix", work: "doctor --fix" });
  const repaired = new Set<string>();
  const done = new Set<string>();
  for (const { check, fix } of findings) {
    if (fix === undefined) continue;
    repaired.add(check);
    const line = shellLine(fix);
    if (done.has(line)) continue;
    done.add(line);
    await say(`Running: ${line}`);
    const failure = await runFix(commandOf(fix, config));
    if (failure !== undefined) await say(`It failed: ${printable(failure)}`);
  }
  return repaired;
}

/** Our own remedies run as this program, with the config of this command line, behind the subcommand. */
function commandOf([program, ...words]: Fix, config: readonly string[]): readonly string[] {
  if (program !== "negotiator") return [program, ...words];
  return ownCommandLine([...words.slice(0, 2), ...config, ...words.slice(2)]);
}

/** The option that names the config, unless it is the usual one. */
function configWords({ config: { file }, configProblem }: Invocation): string[] {
  return configProblem !== undefined || file.path === CONFIG_FILE ? [] : ["--config", file.path];
}

const FIX_MS = 60_000;
const OUTPUT_BYTES = 64 * 1024;

/** Resolves with the reason if the command fails. */
async function runFix(argv: readonly string[]): Promise<string | undefined> {
  const { signal } = new AbortController();
  const limits = { timeoutMs: FIX_MS, outputBytes: OUTPUT_BYTES, environment: { LC_ALL: "C" }, signal };
  try {
    const { exitCode, stdout, stderr } = await runText(argv, limits);
    const words = `${stderr}\n${stdout}`.trim().split("\n")[0] ?? "";
    return exitCode === 0 ? undefined : `exit code ${exitCode}${words === "" ? "" : `, ${words}`}`;
  } catch (thrown) {
    return NegotiatorError.from(thrown).message;
  }
}

async function say(text: string): Promise<void> {
  await standardOutput.write("stderr", `${text}\n`);
}
