/** `guest-exec` and `guest-exec-status`. */
import { access, constants } from "node:fs/promises";
import { isAbsolute, resolve } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { releaseBytes } from "../../wire/released-bytes.ts";
import { run } from "../../process/run.ts";
import { chooseStartWay } from "../../process/start-way.ts";
import type { StartFacts, StartWay } from "../../process/start-way.ts";
import type { RunOptions, RunResult } from "../../process/run.ts";
import { findUserOf } from "../../process/user-cache.ts";
import type { UserCache } from "../../process/user-cache.ts";
import { COMMAND_PATH } from "../interpreter.ts";
import type { Grant } from "../method.ts";
import { base64, either, flag, integer, invalid, listOf, optional, text, word } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { errnoText } from "./errno-text.ts";
import { captureOutput, describeRecord } from "./exec-records.ts";
import type { Capture, ExecRecord, ExecRecords, SharedMemory } from "./exec-records.ts";
import type { Place } from "./kept-items.ts";

/** The arguments of `guest-exec`. */
export const EXEC_ARGUMENTS = {
  path: text,
  arg: optional(listOf(text)),
  env: optional(listOf(text)),
  "input-data": optional(base64),
  "capture-output": optional(either(flag, word("none", "stdout", "stderr", "separated", "merged"))),
};

/** Returns the streams that a value of `capture-output` means. */
export function captureOf(value: boolean | Capture | undefined): Capture {
  if (typeof value === "string") return value;
  return value === true ? "separated" : "none";
}

/** Options of the commands. The input and output of all programs share `memory`. */
export type ExecOptions = { records: ExecRecords; memory: SharedMemory; users: UserCache };

/** Returns the command that starts programs, and the one that asks for their ends. */
export function createExecCommands({ records, memory, users }: ExecOptions): AgentCommand[] {
  return [
    defineAgentCommand({
      name: "guest-exec",
      access: "ruled",
      takesUser: true,
      args: EXEC_ARGUMENTS,
      resource: ({ path, arg = [], env }) => ({
        kind: "path",
        path: findPath(path, env) ?? resolve("/", path),
        args: arg,
        ...(env !== undefined && { variables: Object.keys(parseEnvironment(env)) }),
      }),
      async run({ path, arg = [], env, "input-data": input, "capture-output": capture }, { grant }) {
        const program = findPath(path, env);
        if (program === undefined) throw notStarted(path, "No such file or directory");
        if ([...arg, ...(env ?? [])].some((word) => word.includes("\0")))
          throw notStarted(path, "Invalid argument");
        const bounds = await boundsOf(grant, users);
        const pid = await start(path, {
          ...prepareRecord({ records, memory }, { input, capture: captureOf(capture) }),
          argv: [program, ...arg],
          env: parseEnvironment(env),
          input,
          // The user of a rule may have other rights.
          ...(grant.user === undefined && { chooseWay: chooseCheckedWay }),
          ...bounds,
        });
        return { pid };
      },
    }),
    defineAgentCommand({
      name: "guest-exec-status",
      access: "open",
      args: { pid: integer },
      run({ pid }) {
        const record = records.find(pid);
        if (record === undefined) throw invalid(`PID ${pid} does not exist`);
        if (record.end !== undefined) records.remove(pid);
        return describeRecord(record);
      },
    }),
  ];
}

/** A helper says too late for the answer that it cannot start the program. A direct start fails at once. */
async function chooseCheckedWay(facts: StartFacts): Promise<StartWay> {
  const way = await chooseStartWay(facts);
  if (way.kind !== "direct") await access(facts.path, constants.X_OK);
  return way;
}

/** A record of a program that is about to start, a place for it, and the memory of its input. */
export type PreparedRecord = { record: ExecRecord; place: Place<ExecRecord>; held: Disposable };

/** Prepares the record of a program. Throws if too many run, or if they have too much input. */
export function prepareRecord(
  { records, memory }: Pick<ExecOptions, "records" | "memory">,
  { input, capture }: { input: Uint8Array | undefined; capture: Capture },
): PreparedRecord {
  const place = records.reserve();
  if (place === undefined) throw failed("Guest agent command failed, error was 'too many programs run'");
  const held = memory.open();
  if (input !== undefined && !held.take(input.length)) {
    place[Symbol.dispose]();
    held[Symbol.dispose]();
    throw failed("Guest agent command failed, error was 'the running programs have too much input'");
  }
  return { place, held, record: { end: undefined, output: captureOutput(capture, memory) } };
}

type Start = PreparedRecord & {
  argv: [string, ...string[]];
  env: Record<string, string>;
  input: Uint8Array | undefined;
} & Pick<RunOptions, "user" | "limits" | "timeoutMs" | "chooseWay">;

/** The user and the limits that the rule sets. */
async function boundsOf(
  { user: name, rule, timeoutMs, memoryMaxBytes, tasksMax }: Grant,
  users: UserCache,
): Promise<Pick<Start, "user" | "limits" | "timeoutMs">> {
  const user = name === undefined ? undefined : await findUserOf(name, `rule ${rule} of the policy`, users);
  return {
    ...(user === undefined ? {} : { user: { uid: user.uid, gid: user.gid, groups: user.groups } }),
    ...(timeoutMs === undefined ? {} : { timeoutMs }),
    limits: { memoryMaxBytes, tasksMax },
  };
}

/** Resolves with the process id once the program runs. Rejects if it cannot be started. */
async function start(path: string, { record, place, held, input, ...options }: Start): Promise<number> {
  const { output } = record;
  const started = Promise.withResolvers<number>();
  const running = run({
    ...options,
    cwd: "/",
    stdin: input === undefined ? null : onePiece(input),
    stdout: output.stdout,
    stderr: output.stderr,
    onStart({ pid }) {
      place.keep(pid, record);
      started.resolve(pid);
    },
  });
  void running
    .then(
      (ended) => endRecord(record, ended),
      (thrown: unknown) => {
        started.reject(toStartError(path, thrown));
        record.end = { exitCode: NOT_STARTED, signal: null };
      },
    )
    .finally(() => {
      place[Symbol.dispose]();
      held[Symbol.dispose]();
      if (input !== undefined) releaseBytes(input);
    });
  return started.promise;
}

/** As a shell says it of a program that it cannot start. */
const NOT_STARTED = 126;

/** Keeps how a program ended. */
export function endRecord(
  record: ExecRecord,
  { exitCode, signal }: Pick<RunResult, "exitCode" | "signal">,
): void {
  record.end = { exitCode, signal };
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}

/** A path without a slash is looked for in the directories of PATH. */
function findPath(path: string, env: readonly string[] | undefined): string | undefined {
  if (path === "" || path.includes("\0")) return undefined;
  if (isAbsolute(path) || path.includes("/")) return resolve("/", path);
  const { PATH = COMMAND_PATH } = parseEnvironment(env);
  return Bun.which(path, { PATH }) ?? undefined;
}

function parseEnvironment(env: readonly string[] | undefined): Record<string, string> {
  if (env === undefined) return { PATH: COMMAND_PATH, LANG: "C.UTF-8" };
  return Object.fromEntries(
    env.map((entry) => {
      const end = entry.indexOf("=");
      return end === -1 ? [entry, ""] : [entry.slice(0, end), entry.slice(end + 1)];
    }),
  );
}

function notStarted(path: string, problem: string): NegotiatorError {
  const reason = `Failed to execute child process \u201C${path}\u201D (${problem})`;
  return failed(`Guest agent command failed, error was '${reason}'`);
}

/** Returns the error of a program that did not start, in the words of the QEMU guest agent. */
function toStartError(path: string, thrown: unknown): NegotiatorError {
  const { code, message, cause } = NegotiatorError.from(thrown);
  if (errnoOf(cause) !== undefined) return notStarted(path, errnoText(cause));
  if (code === "NO_COMMAND") return notStarted(path, "No such file or directory");
  if (code === "NOT_EXECUTABLE") return notStarted(path, "Permission denied");
  return notStarted(path, message.replace(/\n[^]*/, ""));
}
