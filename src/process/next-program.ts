/** Finds the program that is to replace this daemon, and tries it before anything is given up. */
import { realpathSync } from "node:fs";
import { isAbsolute } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { shellLine } from "../shell-word.ts";
import { ourUid } from "../trust/ownership.ts";
import { ownCommandLine } from "../trust/own-program.ts";
import { judgeFile, judgeNow, judgePath } from "../trust/path-trust.ts";
import { askProgram, helperCommand } from "./ask-program.ts";
import { ownName } from "./restart.ts";

/**
 * The facts that a program prints when it is tried. `states`: the versions of a daemon's state that it reads.
 */
export type BuildFacts = { version: string; states: { min: number; max: number } };

/** A program that has started once. */
export type NextProgram = BuildFacts & { path: string };

/** A slow machine needs seconds for the first start of a new file of 100 MB. */
const TRY_MS = 20_000;
const FACTS_BYTES = 4096;

/**
 * Resolves with the program that lies at our own path now. Rejects with `DENIED` if another user than root
 * and ours could have put it there, and with `UNSUPPORTED` if it does not start or cannot replace us.
 */
export async function findNextProgram(): Promise<NextProgram> {
  const path = findOwnPath();
  checkTrust(path);
  const [, ...words] = helperCommand("describe", []);
  const { outcome } = await askProgram([path, ...words], { timeoutMs: TRY_MS, outputBytes: FACTS_BYTES });
  if (outcome === "late") throw refused(path, `it does not answer within ${TRY_MS / 1000} s`);
  const facts = outcome.exitCode === 0 ? parseFacts(outcome.stdout) : undefined;
  if (facts === undefined) {
    const end =
      outcome.exitCode === null ? "a signal, or with too much output" : `exit code ${outcome.exitCode}`;
    throw refused(
      path,
      outcome.exitCode === 0 ? "its answer is not that of a negotiator" : `it ends with ${end}`,
    );
  }
  return { path, ...facts };
}

/**
 * The path by which we were called, because a link there may lead to another version by now. The path of our
 * file otherwise.
 */
function findOwnPath(): string {
  const called = ownName();
  if (!isAbsolute(called)) return process.execPath;
  try {
    realpathSync(called);
    return called;
  } catch {
    return process.execPath;
  }
}

function checkTrust(path: string): void {
  const uid = ourUid();
  const fault = judgeNow((eyes) => {
    const { fault: wayFault, place, status } = judgePath(path, { uid, groups: "own" }, eyes);
    if (wayFault !== undefined) return wayFault;
    if (status === undefined) throw refused(path, "there is no such file");
    return judgeFile(place, status, uid, eyes);
  });
  if (fault === undefined) return;
  throw new NegotiatorError("DENIED", `Cannot replace the daemon by "${printable(path)}": ${fault.problem}`, {
    remedy: fault.remedy,
  });
}

function parseFacts(text: string): BuildFacts | undefined {
  try {
    const facts: unknown = JSON.parse(text);
    return isBuildFacts(facts) ? facts : undefined;
  } catch {
    return undefined;
  }
}

function isBuildFacts(value: unknown): value is BuildFacts {
  if (typeof value !== "object" || value === null || !("version" in value) || !("states" in value))
    return false;
  const { version, states } = value;
  if (typeof version !== "string" || typeof states !== "object" || states === null) return false;
  return "min" in states && "max" in states && [states.min, states.max].every(Number.isSafeInteger);
}

function refused(path: string, problem: string): NegotiatorError {
  const message = `Cannot replace the daemon by "${printable(path)}": ${problem}`;
  const [, ...words] = ownCommandLine(["--version"]);
  return new NegotiatorError("UNSUPPORTED", message, {
    remedy: `The daemon goes on as it is. Try the program: ${shellLine([path, ...words])}`,
  });
}
