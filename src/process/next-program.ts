/** Finds the program that is to replace this daemon, and tries it before anything is given up. */
import { isAbsolute } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import { shellLine } from "../shell-word.ts";
import { ourUid } from "../trust/ownership.ts";
import { judgePlace } from "../trust/judge-place.ts";
import type { PlaceFacts } from "../trust/judge-place.ts";
import { OWN_ENVIRONMENT, ownCommandLine } from "../trust/own-program.ts";
import { helperCommand } from "./ask-program.ts";
import { createBoundedOutput } from "./bounded-output.ts";
import { ownName } from "./restart.ts";
import { run } from "./run.ts";
import type { RunResult } from "./run.ts";

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
 * Resolves with the program that lies at our own path now: that by which we were `called`, because a link
 * there may lead to another version by now, or that of our file. Rejects with `DENIED` if another user than
 * root and ours could have put it there, and with `UNSUPPORTED` if it does not start, cannot replace us, or
 * if its file system does not answer. Never waits on this thread.
 */
export async function findNextProgram(called = ownName()): Promise<NextProgram> {
  const named = isAbsolute(called) ? await look(called) : undefined;
  const path = named?.mode === undefined ? ownFile(process.execPath) : called;
  const { mode, fault, fileFault } = path === called && named ? named : await look(path);
  if (mode === undefined) throw refused(path, "there is no such file");
  const found = fault ?? fileFault;
  if (found !== undefined) {
    const message = `Cannot replace the daemon by "${printable(path)}": ${found.problem}`;
    throw new NegotiatorError("DENIED", message, { remedy: found.remedy });
  }
  const { text, exitCode, endedBy } = await tryProgram(path);
  if (endedBy === "deadline") throw refused(path, `it does not answer within ${TRY_MS / 1000} s`);
  const facts = exitCode === 0 ? parseFacts(text) : undefined;
  if (facts !== undefined) return { path, ...facts };
  const end = exitCode === null ? "a signal" : `exit code ${exitCode}`;
  throw refused(path, exitCode === 0 ? "its answer is not that of a negotiator" : `it ends with ${end}`);
}

/**
 * Returns the path of our file. The runtime asks the kernel for it late, and the kernel marks the name of a
 * file that was replaced by then.
 */
export function ownFile(execPath: string): string {
  return execPath.replace(/ \(deleted\)$/, "");
}

async function look(path: string): Promise<PlaceFacts> {
  try {
    return await judgePlace(path, { uid: ourUid(), groups: "own" });
  } catch (thrown) {
    const isSilent = errnoOf(thrown) === "ETIMEDOUT";
    throw refused(path, isSilent ? "its file system does not answer" : NegotiatorError.from(thrown).message);
  }
}

/** Starts it through a helper where a start could hang. */
async function tryProgram(path: string): Promise<RunResult & { text: string }> {
  const [, ...words] = helperCommand("describe", []);
  const output = createBoundedOutput(FACTS_BYTES);
  const running = run({
    argv: [path, ...words],
    env: OWN_ENVIRONMENT,
    cwd: "/",
    stdin: null,
    stdout: output,
    stderr: null,
    timeoutMs: TRY_MS,
    graceMs: 0,
  });
  const result = await running.catch((thrown: unknown) => {
    const [first = ""] = NegotiatorError.from(thrown).message.split("\n");
    throw refused(path, first.replace(`Cannot run "${path}": `, ""));
  });
  return { ...result, text: output.isFull ? "" : output.bytes().toString() };
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
