/** The requests to a QEMU guest agent that running a command needs, with checked answers. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import type { JsonObject } from "../../wire/json.ts";
import type { AgentConnection } from "./agent-connection.ts";

/** The state of a program that was started. `output` is what it wrote to its standard output. */
export type ProgramState =
  | { isRunning: true }
  | {
      isRunning: false;
      exitCode: number | undefined;
      signal: number | undefined;
      output: string;
      errors: string;
    };

/** A program to start in the guest. */
export type AgentProgram = {
  path: string;
  args: readonly string[];
  /** `NAME=value`. They replace the agent's own variables. */
  env?: readonly string[];
};

/** The requests. All reject as `AgentConnection.ask` does, and with `BAD_FRAME` for an unexpected answer. */
export type AgentCalls = {
  /** Starts a program. Resolves with its process id in the guest. */
  start(program: AgentProgram): Promise<number>;
  /** Asks once. The agent forgets a program when it has said that it ended. */
  state(pid: number): Promise<ProgramState>;
  /** Opens a file. Resolves with its handle. `mode` is one of fopen(3). */
  openFile(path: string, mode: "r" | "w"): Promise<number>;
  /** Reads from the place where the last read ended. Empty at the end of what is there now. */
  readFile(handle: number): Promise<Uint8Array>;
  /** Writes all of the bytes. Stops between two pieces when `signal` aborts. */
  writeFile(handle: number, bytes: Uint8Array, signal: AbortSignal): Promise<void>;
  closeFile(handle: number): Promise<void>;
};

/** libvirt carries an answer of 2.9 MB. A piece has a third more as base64. */
const READ_BYTES = 512 * 1024;
const WRITE_BYTES = 48 * 1024;

const Integer = v.pipe(v.number(), v.safeInteger());
const StartSchema = v.object({ pid: Integer });
const StateSchema = v.object({
  exited: v.boolean(),
  exitcode: v.optional(Integer),
  signal: v.optional(Integer),
  "out-data": v.optional(v.string(), ""),
  "err-data": v.optional(v.string(), ""),
});
const ReadSchema = v.object({ count: Integer, "buf-b64": v.string() });
const WriteSchema = v.object({ count: Integer });

/** Creates the requests over this connection. */
export function createAgentCalls({ ask }: Pick<AgentConnection, "ask">): AgentCalls {
  const askFor = async <Schema extends v.GenericSchema>(
    schema: Schema,
    command: string,
    args: JsonObject,
  ): Promise<v.InferOutput<Schema>> => {
    const checked = v.safeParse(schema, await ask(command, args));
    if (checked.success) return checked.output;
    throw new NegotiatorError("BAD_FRAME", `Cannot read the guest agent's answer to ${command}`);
  };

  return {
    async start({ path, args, env }) {
      const given = env === undefined ? {} : { env: [...env] };
      const request = { path, arg: [...args], "capture-output": true, ...given };
      return (await askFor(StartSchema, "guest-exec", request)).pid;
    },
    async state(pid) {
      const state = await askFor(StateSchema, "guest-exec-status", { pid });
      if (!state.exited) return { isRunning: true };
      const { exitcode: exitCode, signal } = state;
      const [output, errors] = [decode(state["out-data"]), decode(state["err-data"])];
      return { isRunning: false, exitCode, signal, output, errors };
    },
    openFile: (path, mode) => askFor(Integer, "guest-file-open", { path, mode }),
    async readFile(handle) {
      const piece = await askFor(ReadSchema, "guest-file-read", { handle, count: READ_BYTES });
      return Buffer.from(piece["buf-b64"], "base64");
    },
    async writeFile(handle, bytes, signal) {
      for (let from = 0; from < bytes.length;) {
        signal.throwIfAborted();
        const piece = Buffer.from(bytes.subarray(from, from + WRITE_BYTES)).toString("base64");
        const { count } = await askFor(WriteSchema, "guest-file-write", { handle, "buf-b64": piece });
        if (count <= 0) throw new NegotiatorError("INTERNAL", "The QEMU guest agent cannot write a file");
        from += count;
      }
    },
    closeFile: async (handle) => void (await ask("guest-file-close", { handle })),
  };
}

function decode(base64: string): string {
  return Buffer.from(base64, "base64").toString();
}
