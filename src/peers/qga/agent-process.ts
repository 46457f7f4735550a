/** One command in a guest that has only the QEMU guest agent: its start, its growing output, its end. */
import { NegotiatorError } from "../../errors.ts";
import { signalName } from "../../signals.ts";
import { clipText } from "../../wire/message.ts";
import type { PushedCommand } from "../pushed-commands.ts";
import { pause } from "../supervise.ts";
import { createAgentCalls } from "./agent-calls.ts";
import type { AgentCalls, ProgramState } from "./agent-calls.ts";
import type { AgentConnection } from "./agent-connection.ts";
import { createGrowingFile } from "./growing-file.ts";
import { programDigest, pushCommand, runScript } from "./push-command.ts";
import {
  END,
  GUEST_DIRECTORY,
  PREPARE,
  PUSH,
  REMOVE,
  SHELL,
  scriptArguments,
  SIGNAL,
  START,
} from "./start-script.ts";

/** A command to run. `call` is a name that no other call in the guest has: letters, digits, `-` and `_`. */
export type AgentProcessOptions = {
  command: PushedCommand;
  args: readonly string[];
  call: string;
  input: Uint8Array;
  /** `NAME=value`: all variables of the command. */
  env: readonly string[];
  /** Called when the agent has started it, or the script before it. */
  onStart: () => void;
};

/** Takes the output of a command while it arrives. May wait while its reader is far behind. */
export type OutputSink = Record<"stdout" | "stderr", { write: (bytes: Uint8Array) => Promise<void> }>;

/** How a command ended. One of both is null. */
export type CommandEnd = { exitCode: number | null; signal: string | null };

/** A command that can be run once. */
export type AgentProcess = {
  /** Whether the agent may have started it. */
  readonly isStarted: boolean;
  /**
   * Runs it, and passes its output on. Pushes it first if the guest does not have it. Rejects with
   * `UNKNOWN_OUTCOME` if the agent does not know how it ended, and as `AgentConnection.ask` does.
   */
  run(output: OutputSink, signal: AbortSignal): Promise<CommandEnd>;
  /** Sends a signal, such as `SIGINT`, to all of its processes. */
  send(signal: string): Promise<void>;
  /** Asks the guest to end it: TERM now, KILL after five seconds. The caller need not wait for that. */
  end(): Promise<void>;
};

/** The pauses between two looks grow while nothing happens. */
const LOOK_MS = { least: 1, most: 250 };
const GRACE_SECONDS = "5";
const FIRST_SIGNAL = 3;

/** Prepares a command. */
export function createAgentProcess(connection: AgentConnection, options: AgentProcessOptions): AgentProcess {
  const { command, args, call, input, env, onStart } = options;
  const calls = createAgentCalls(connection);
  const directory = `${GUEST_DIRECTORY}/calls/${call}`;
  const words = [GUEST_DIRECTORY, programDigest(command.program), command.name, call, ...args];
  let isStarted = false;
  let pid: number | undefined;

  /** The input is written before the start, in pieces that libvirt carries. */
  const writeInput = async (signal: AbortSignal): Promise<void> => {
    const failure = await runScript(calls, [PREPARE, directory], signal);
    if (failure !== undefined) throw cannotStart(command.name, failure);
    const handle = await calls.openFile(`${directory}/in`, "w");
    try {
      await calls.writeFile(handle, input, signal);
    } finally {
      await calls.closeFile(handle);
    }
  };
  const start = async (): Promise<number> => {
    isStarted = true;
    pid = await calls.start({ path: SHELL, args: scriptArguments(START, ...words), env });
    onStart();
    return pid;
  };
  const startScript = (script: string, ...given: readonly string[]): Promise<number> =>
    calls.start({ path: SHELL, args: scriptArguments(script, ...given) });

  const runOnce = async (output: OutputSink, signal: AbortSignal): Promise<ProgramEnd> => {
    const started = await start();
    const ended = await follow(calls, { pid: started, directory, output, signal });
    pid = undefined;
    return ended;
  };

  return {
    get isStarted() {
      return isStarted;
    },
    async run(output, signal) {
      using _ = connection.hold();
      if (input.length > 0) await writeInput(signal);
      let ended = await runOnce(output, signal);
      if (ended.output.trim() === PUSH) {
        await pushCommand(calls, command, call, signal);
        ended = await runOnce(output, signal);
      }
      if (ended.output !== "" || ended.errors !== "")
        throw cannotStart(command.name, ended.errors + ended.output);
      await startScript(REMOVE, directory);
      return readEnd(ended);
    },
    async send(signal) {
      using _ = connection.hold();
      if (pid !== undefined) await startScript(SIGNAL, signal.slice(FIRST_SIGNAL), String(pid));
    },
    async end() {
      using _ = connection.hold();
      if (pid === undefined) await startScript(REMOVE, directory);
      else await startScript(END, String(pid), GRACE_SECONDS, directory);
    },
  };
}

type ProgramEnd = ProgramState & { isRunning: false };

type Following = { pid: number; directory: string; output: OutputSink; signal: AbortSignal };

/** Passes the output on until the program has ended, and its output too. */
async function follow(all: AgentCalls, { pid, directory, output, signal }: Following): Promise<ProgramEnd> {
  const calls = askAbout(all, pid);
  const files = [
    createGrowingFile(calls, `${directory}/out`, output.stdout.write),
    createGrowingFile(calls, `${directory}/err`, output.stderr.write),
  ];
  let state: ProgramState = { isRunning: true };
  let activeMs = performance.now();
  for (;;) {
    signal.throwIfAborted();
    if (state.isRunning) state = await calls.state(pid);
    // The script itself has said something, so it has become no command and has no output.
    if (!state.isRunning && state.output + state.errors !== "") return state;
    let bytes = 0;
    for (const file of files) bytes += await file.passOn();
    if (!state.isRunning && bytes === 0) {
      for (const file of files) await file.close();
      return state;
    }
    if (bytes > 0) activeMs = performance.now();
    else await pause(pauseAfter(performance.now() - activeMs), signal);
  }
}

/** Returns a pause in ms that is short after something happened, and an eighth of the quiet time later. */
function pauseAfter(quietMs: number): number {
  return Math.min(Math.max(quietMs / 8, LOOK_MS.least), LOOK_MS.most);
}

/** Returns the requests about a started program: after one that fails, its end is not known. */
function askAbout(calls: AgentCalls, pid: number): AgentCalls {
  const known = async <Value>(answer: Promise<Value>): Promise<Value> => {
    try {
      return await answer;
    } catch (thrown) {
      const error = NegotiatorError.from(thrown);
      const problem = error.message.replace(/\n[^]*/, "");
      const message = `Cannot tell how the command ended, process ${pid} in the guest: ${problem}`;
      // The QEMU guest agent has no audit, where it could be looked up.
      const remedy = `Look in the guest whether it runs: ps -p ${pid}`;
      throw new NegotiatorError("UNKNOWN_OUTCOME", message, { cause: error, remedy });
    }
  };
  return {
    ...calls,
    state: (asked) => known(calls.state(asked)),
    openFile: (path, mode) => known(calls.openFile(path, mode)),
    readFile: (handle) => known(calls.readFile(handle)),
    closeFile: (handle) => known(calls.closeFile(handle)),
  };
}

function readEnd({ exitCode, signal }: ProgramEnd): CommandEnd {
  if (signal !== undefined) return { exitCode: null, signal: signalName(signal) };
  if (exitCode !== undefined) return { exitCode, signal: null };
  throw new NegotiatorError("UNKNOWN_OUTCOME", "The QEMU guest agent does not say how the command ended");
}

function cannotStart(name: string, output: string): NegotiatorError {
  const why = clipText(output.trim());
  return new NegotiatorError("INTERNAL", `Cannot start the command "${name}" in the guest: ${why}`, {
    remedy: `Look in the guest whether ${GUEST_DIRECTORY} can be written`,
  });
}
