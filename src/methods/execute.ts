/** `execute`: runs a command by its name and connects its streams to the call. */
import { NegotiatorError } from "../errors.ts";
import { logFor } from "../log.ts";
import { ourUid } from "../trust/ownership.ts";
import { FORWARDED_SIGNALS, goOn, run } from "../process/run.ts";
import type { FrozenRun, RunningCommand, RunOptions, RunResult } from "../process/run.ts";
import { isJsonObject } from "../wire/json.ts";
import { NOWHERE } from "../process/pump.ts";
import { findUserOf } from "../process/user-cache.ts";
import type { UserCache, UserKey } from "../process/user-cache.ts";
import type { User } from "../trust/users.ts";
import type { IncomingCall } from "../wire/calls/incoming-call.ts";
import type { StreamWriter } from "../wire/calls/stream-writer.ts";
import type { CommandCatalogue } from "./catalogue.ts";
import type { Command } from "./commands.ts";
import { createLimitedLog } from "../policy/limited-log.ts";
import type { LimitedLog } from "../policy/limited-log.ts";
import { identifyCaller } from "../policy/caller.ts";
import type { Caller } from "../policy/caller.ts";
import { ExecuteParams } from "./execute-schemas.ts";
import type { ExecuteResult } from "./execute-schemas.ts";
import { isKept, keepWhileRunning } from "./kept/keep.ts";
import type { KeptCommand } from "./kept/kept-command.ts";
import type { KeptCommands } from "./kept/kept-commands.ts";
import { COMMAND_PATH } from "./interpreter.ts";
import { defineMethod } from "./method.ts";
import type { MethodAnswer, CallContext, Method } from "./method.ts";
import { cannotRun } from "./public-error.ts";
import { limitRun, shortest } from "./run-limit.ts";
import type { RunLimit } from "./run-limit.ts";
import { safeWord } from "./safe-word.ts";
import { createStderrLog, STDERR_LINES } from "./stderr-log.ts";

const log = logFor("commands");

/** `openCalls` is the number of calls that a peer may have open. `kept` keeps detached commands. */
type ExecuteOptions = {
  role: "host" | "guest";
  commands: CommandCatalogue;
  users: UserCache;
  openCalls: number;
  kept: Pick<KeptCommands, "begin" | "resume">;
};

/** Returns the method. */
export function createExecute({ role, commands, users, openCalls, kept }: ExecuteOptions): Method {
  const stderrLog = createLimitedLog({
    write: (line) => log.info(line),
    rate: STDERR_LINES,
    now: () => performance.now(),
  });
  return defineMethod({
    name: "execute",
    // A call is answered at its deadline, though its command may still run.
    limits: { concurrency: 2 * openCalls },
    params: ExecuteParams,
    resource: ({ command, args }) => ({ kind: "command", name: command, args }),
    async run({ command: name, args }, context) {
      const given = givenRun(context.given);
      if (given !== undefined) {
        const detached = isKept(context.call) ? kept.resume(context.call.id, context.caller) : undefined;
        try {
          return await goOnWith(given, { ...context, stderrLog, users, commands, detached });
        } catch (thrown) {
          detached?.fail(NegotiatorError.from(thrown));
          throw thrown;
        }
      }
      const command = await commands.find(name, context.isOffered, { timeoutMs: context.leftMs() });
      const start = (detached?: KeptCommand): Promise<MethodAnswer> => {
        const given = { ...context, stderrLog, users, commands, detached };
        return command.kind === "builtin"
          ? runBuiltin(command, given)
          : runUserCommand(command, args, role, given);
      };
      return isKept(context.call) ? keepWhileRunning(kept, command.name, context, start) : start();
    },
  });
}

async function runBuiltin(
  command: Command & { kind: "builtin" },
  { call, begin, detached }: CommandContext,
): Promise<MethodAnswer> {
  await begin({ builtin: true });
  if (detached !== undefined) tellStart(call);
  const start = performance.now();
  const bytes = new TextEncoder().encode(await command.builtin.run(call.signal));
  // A caller may read slowly or never, so the answer does not wait until the bytes are written.
  void writerOf(call, "stdout")
    ?.write(bytes)
    .catch(() => undefined);
  const durationMs = Math.round(performance.now() - start);
  const exit = { exitCode: 0, signal: null, endedBy: "command" } as const;
  const result: ExecuteResult = { ...exit, durationMs, inputBytes: 0 };
  void detached?.stdout.write(bytes);
  detached?.finish(result, { stdout: { truncated: false }, stderr: { truncated: false } });
  const sizes = { stdin: 0, stdout: bytes.length, stderr: 0 };
  return { result, audit: { exitCode: 0, bytes: sizes, builtin: true } };
}

/** `detached` takes the output of a detached command. */
type CommandContext = CallContext & {
  stderrLog: LimitedLog;
  users: UserCache;
  commands: CommandCatalogue;
  detached: KeptCommand | undefined;
};

/** The caller of a detached command waits for this message, and then goes. */
function tellStart(call: IncomingCall): void {
  call.send("started", { call: call.id });
}

/** A command that another program has started. */
type GivenRun = { command: string; limit: RunLimit; run: FrozenRun };

function givenRun(given: unknown): GivenRun | undefined {
  // Our own program wrote it.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return given as GivenRun | undefined;
}

function goOnWith({ command, limit, run: frozen }: GivenRun, context: CommandContext): Promise<MethodAnswer> {
  const { path } = frozen.child;
  return connect({ command, limit, isNew: false }, context, (streams) =>
    goOn({ ...streams, argv: [path], env: {}, cwd: "/", stdin: readerOf(context.call, "stdin"), frozen }),
  );
}

async function runUserCommand(
  command: Command & { kind: "user" },
  args: readonly string[],
  role: "host" | "guest",
  context: CommandContext,
): Promise<MethodAnswer> {
  const { call, leftMs, caller, grant, announce, users, commands } = context;
  const userName = grant.user ?? command.user;
  const source = grant.user === undefined ? `${command.path}.toml` : `rule ${grant.rule} of the policy`;
  const place = userName === undefined ? "our own user" : source;
  const { uid, gid, groups, ...user } = await findUser(userName ?? ourUid(), command.name, place, users);
  const allowedMs = shortest([grant.timeoutMs, (command.timeoutSeconds ?? 0) * 1000]);
  // The command may end this process, so its line comes first.
  const isDown = announce();
  const ready = async (): Promise<void> => {
    await isDown();
    // Nothing may wait between this and the start.
    commands.check(command);
  };
  const limit = limitRun(leftMs(), allowedMs);
  return connect({ command: command.name, limit, isNew: true }, context, (streams) =>
    run({
      ...streams,
      argv: [command.path, ...args],
      env: environmentOf(command.name, role, call, caller, user),
      cwd: "/",
      ready,
      ...(userName === undefined ? {} : { user: { uid, gid, groups } }),
      limits: {
        memoryMaxBytes: smallest(grant.memoryMaxBytes, command.memoryMaxBytes),
        tasksMax: smallest(grant.tasksMax, command.tasksMax),
      },
      stdin: command.stdin === false ? null : readerOf(call, "stdin"),
    }),
  );
}

type Connected = Pick<GivenRun, "command" | "limit"> & { isNew: boolean };
type Streams = Pick<
  RunOptions,
  "calledAs" | "stdout" | "stderr" | "signal" | "timeoutMs" | "onStart" | "onExit"
>;

/** Connects the streams of a call to the command that `start` runs, and resolves with its end. */
async function connect(
  { command, limit, isNew }: Connected,
  { call, caller, stderrLog, detached, onFreeze }: CommandContext,
  start: (streams: Streams) => Promise<RunResult>,
): Promise<MethodAnswer> {
  const outputs = { stdout: writerOf(call, "stdout"), stderr: writerOf(call, "stderr") };
  const logged = createStderrLog(caller, command, stderrLog);
  const ended = await start({
    calledAs: command,
    stdout: outputs.stdout ?? detached?.stdout ?? NOWHERE,
    stderr: outputs.stderr ?? detached?.stderr ?? logged,
    signal: detached === undefined ? call.signal : AbortSignal.any([call.signal, detached.cancelled]),
    timeoutMs: limit.timeoutMs,
    onStart(running) {
      onFreeze(() => ({ command, limit, run: running.freeze() }) satisfies GivenRun);
      forwardSignals(call, running);
      detached?.started(running);
      if (detached !== undefined && isNew) tellStart(call);
    },
    onExit: (exit) => call.send("exited", exit),
  });
  const { exitCode, signal, inputBytes, stdout, stderr } = ended;
  const result: ExecuteResult = {
    exitCode,
    signal,
    endedBy: ended.endedBy === "deadline" && limit.isOurs ? "limit" : ended.endedBy,
    durationMs: ended.durationMs,
    inputBytes,
  };
  detached?.finish(result, { stdout, stderr });
  outputs.stdout?.end({ truncated: stdout.truncated });
  outputs.stderr?.end({ truncated: stderr.truncated });
  logged.end();
  const { durationMs: _, inputBytes: __, ...audit } = result;
  const bytes = { stdin: inputBytes, stdout: stdout.bytes, stderr: stderr.bytes };
  return { result, audit: { ...audit, bytes }, until: ended.over };
}

/** Other signals, such as SIGKILL and SIGSTOP, are not a caller's to send. */
function forwardSignals(call: IncomingCall, running: RunningCommand): void {
  call.listen((name, value) => {
    if (name !== "signal" || !isJsonObject(value)) return;
    const signal = FORWARDED_SIGNALS.find((known) => known === value["signal"]);
    if (signal === undefined) return;
    running.signal(signal);
    call.send("signalled", { signal });
  });
}

/** Policy and description are private, so the peer does not learn which user they name. */
async function findUser(key: UserKey, command: string, place: string, users: UserCache): Promise<User> {
  try {
    return await findUserOf(key, place, users);
  } catch (thrown) {
    throw cannotRun(command, "the user it is to run as cannot be found", NegotiatorError.from(thrown));
  }
}

/** Nothing of our own environment leaks into a command. It can rely on these variables. */
function environmentOf(
  name: string,
  role: "host" | "guest",
  { id }: IncomingCall,
  caller: Caller,
  user: Pick<User, "name" | "home">,
): Record<string, string> {
  const { guest, uuid } = identifyCaller(caller);
  return {
    PATH: COMMAND_PATH,
    LANG: "C.UTF-8",
    HOME: user.home,
    USER: user.name,
    LOGNAME: user.name,
    SHELL: "/bin/sh",
    NEGOTIATOR_ROLE: role,
    // Others chose these, and a script may use them in a path or a command line.
    NEGOTIATOR_COMMAND: safeWord(name),
    NEGOTIATOR_CALL_ID: safeWord(id),
    ...(guest === undefined ? {} : { NEGOTIATOR_GUEST: safeWord(guest) }),
    ...(uuid === undefined ? {} : { NEGOTIATOR_GUEST_UUID: safeWord(uuid) }),
  };
}

/** The smaller of two bounds; undefined means that there is none. */
function smallest(...bounds: readonly (number | undefined)[]): number | undefined {
  const set = bounds.filter((bound) => bound !== undefined);
  return set.length === 0 ? undefined : Math.min(...set);
}

function writerOf(call: IncomingCall, stream: string): StreamWriter | undefined {
  return call.streams.written.includes(stream) ? call.writer(stream) : undefined;
}

function readerOf(call: IncomingCall, stream: string): ReturnType<IncomingCall["reader"]> | null {
  return call.streams.read.includes(stream) ? call.reader(stream) : null;
}
