/** A QEMU guest agent whose programs and files a test has written down. */
import { NegotiatorError } from "../../../src/errors.ts";
import type { AgentConnection } from "../../../src/peers/qga/agent-connection.ts";
import { END, PLACE, PREPARE, REMOVE, SIGNAL, START } from "../../../src/peers/qga/start-script.ts";
import type { JsonObject } from "../../../src/wire/json.ts";

/** The answer of `guest-exec-status`. */
export type State = {
  exited: boolean;
  exitcode?: number;
  signal?: number;
  "out-data"?: string;
  "err-data"?: string;
};

/** A program that has ended well, or with these members. */
export function ended(more: Partial<State> = {}): State {
  return { exited: true, exitcode: 0, ...more };
}

/** Text as the agent sends it. */
export function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

/** `states`: those of each program in turn, the last one from then on. `files`: the pieces of each file. */
export type Script = {
  states?: readonly (readonly State[])[];
  files?: Readonly<Record<string, readonly string[]>>;
};

/** The agent as a connection. `asked` has its requests without the questions for states and bytes. */
export type ScriptedAgent = AgentConnection & {
  asked: string[];
  /** The environment of each started program. */
  environments: unknown[];
  holders: () => number;
};

const SCRIPTS = new Map([
  [START, "start"],
  [PREPARE, "prepare"],
  [PLACE, "place"],
  [SIGNAL, "signal"],
  [END, "end"],
  [REMOVE, "remove"],
]);

/** Creates the agent. Programs without states have ended well, and other files are missing. */
export function createScriptedAgent({ states = [], files = {} }: Script = {}): ScriptedAgent {
  const asked: string[] = [];
  const environments: unknown[] = [];
  const left = states.map((each) => [...each]);
  const open: { path: string; pieces: string[] }[] = [];
  let programs = 0;
  let holders = 0;
  const answers: Readonly<Record<string, (args: JsonObject) => unknown>> = {
    "guest-exec"({ arg, env }) {
      const [, script = "", , ...words] = Array.isArray(arg) ? arg.map(String) : [];
      asked.push([SCRIPTS.get(script) ?? "unknown", ...words].join(" "));
      environments.push(env);
      return { pid: ++programs };
    },
    "guest-exec-status"({ pid }) {
      const queue = left[Number(pid) - 1] ?? [];
      return (queue.length > 1 ? queue.shift() : queue[0]) ?? ended();
    },
    "guest-file-open"(args) {
      const [path, mode] = [String(args["path"]), String(args["mode"])];
      const pieces = files[path];
      if (mode === "r" && pieces === undefined)
        throw new NegotiatorError("INTERNAL", `failed to open file '${path}': No such file or directory`);
      asked.push(`open ${path} ${mode}`);
      return open.push({ path, pieces: [...(pieces ?? [])] });
    },
    "guest-file-read"({ handle }) {
      const text = open[Number(handle) - 1]?.pieces.shift() ?? "";
      return { count: text.length, "buf-b64": base64(text) };
    },
    "guest-file-write"({ handle, "buf-b64": bytes }) {
      const text = Buffer.from(String(bytes), "base64").toString();
      asked.push(`write ${open[Number(handle) - 1]?.path} ${text}`);
      return { count: text.length };
    },
    "guest-file-close"({ handle }) {
      asked.push(`close ${open[Number(handle) - 1]?.path}`);
      return {};
    },
  };
  return {
    asked,
    environments,
    holders: () => holders,
    hold() {
      holders++;
      return { [Symbol.dispose]: () => void holders-- };
    },
    ask: async (command, args = {}) => answers[command]?.(args),
  };
}
