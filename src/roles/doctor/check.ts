/** Defines checks, and runs them with a deadline each. */
import { NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { unknown } from "./finding.ts";
import type { Finding, Found } from "./finding.ts";
import type { Unit } from "./unit.ts";

/** All checks get this. `configProblem`: why the config cannot be used; then the settings are defaults. */
export type Examination = {
  role: Role;
  invocation: Invocation;
  configProblem: NegotiatorError | undefined;
  isRoot: boolean;
  /** Resolves with the unit of the service; undefined without systemd. All checks share one question. */
  unit: () => Promise<Unit | undefined>;
  /** Aborts when the check has no time left. */
  signal: AbortSignal;
};

/** A check. `run` may reject: that is a finding too. `timeoutMs`: the most time that it has. */
export type Check = {
  name: string;
  timeoutMs?: number;
  run: (examination: Examination) => Promise<readonly Found[]>;
};

/** A check with its judgement of facts, for tests. */
export type JudgedCheck<Facts> = Check & {
  judge: (facts: Facts, examination: Pick<Examination, "role" | "isRoot">) => readonly Found[];
};

/**
 * Defines a check: `look` finds out how things are, and `judge` decides what that means. `judge` looks at
 * nothing else, so that each fault can be tested.
 */
export function defineCheck<Facts>(
  definition: Omit<JudgedCheck<Facts>, "run"> & { look: (examination: Examination) => Promise<Facts> },
): JudgedCheck<Facts> {
  const { look, ...check } = definition;
  return { ...check, run: async (examination) => check.judge(await look(examination), examination) };
}

/** The time of one check. Programs that it asks have less. */
const CHECK_MS = 15_000;

/** Resolves with the findings of a check within its time. `hasEnded` is false if something hangs. */
export async function runCheck(
  { name, run, timeoutMs = CHECK_MS }: Check,
  examination: Omit<Examination, "signal">,
): Promise<{ findings: readonly Finding[]; hasEnded: boolean }> {
  const life = new AbortController();
  const { promise: late, resolve } = Promise.withResolvers<"late">();
  const timer = setTimeout(() => {
    life.abort();
    resolve("late");
  }, timeoutMs);
  const named = (list: readonly Found[]): Finding[] => list.map((each) => ({ check: name, ...each }));
  try {
    const found = await Promise.race([run({ ...examination, signal: life.signal }), late]);
    if (found !== "late") return { findings: named(found), hasEnded: true };
    const text = `the check did not end within ${timeoutMs / 1000} s`;
    return { findings: named([unknown(text, HANGING)]), hasEnded: false };
  } catch (thrown) {
    const [text = "", ...remedy] = NegotiatorError.from(thrown).message.split("\n");
    return { findings: named([unknown(text, remedy.join("\n") || undefined)]), hasEnded: true };
  } finally {
    clearTimeout(timer);
  }
}

const HANGING =
  "See what hangs, such as a disk or a network file system: ps -eo pid,stat,wchan,args | grep ' D'";
