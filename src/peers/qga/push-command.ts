/** Puts a program that the host keeps into a guest. */
import { NegotiatorError } from "../../errors.ts";
import { clipText } from "../../wire/message.ts";
import type { AgentCalls } from "./agent-calls.ts";
import type { PushedCommand } from "../pushed-commands.ts";
import { pause } from "../supervise.ts";
import { GUEST_DIRECTORY, PLACE, SHELL, scriptArguments } from "./start-script.ts";

/** The SHA-256 of a program as 64 hexadecimal digits. */
export function programDigest(program: Uint8Array): string {
  return new Bun.CryptoHasher("sha256").update(program).digest("hex");
}

/** How often the end of a script is asked for, and in what steps. */
const SCRIPT_STEP_MS = 5;
const SCRIPT_TRIES = 400;

/**
 * Writes a program into the guest. It gets its name only when it is whole. `call` makes the name of the
 * unfinished file. Rejects with `INTERNAL` if the guest cannot place it.
 */
export async function pushCommand(
  calls: AgentCalls,
  { name, program }: PushedCommand,
  call: string,
  signal: AbortSignal,
): Promise<void> {
  const directory = `${GUEST_DIRECTORY}/commands/${programDigest(program)}`;
  const unfinished = `${directory}/.${call}`;
  const handle = await calls.openFile(unfinished, "w");
  try {
    await calls.writeFile(handle, program, signal);
  } finally {
    await calls.closeFile(handle);
  }
  const failure = await runScript(calls, [PLACE, unfinished, `${directory}/${name}`], signal);
  if (failure !== undefined) throw cannotPlace(name, failure);
}

/** Runs a short script to its end. Resolves with its error output if it fails. */
export async function runScript(
  calls: AgentCalls,
  [script, ...args]: readonly [string, ...string[]],
  signal: AbortSignal,
): Promise<string | undefined> {
  const pid = await calls.start({ path: SHELL, args: scriptArguments(script, ...args) });
  for (let tries = 0; tries < SCRIPT_TRIES; tries++) {
    const state = await calls.state(pid);
    if (!state.isRunning) return state.exitCode === 0 ? undefined : state.errors;
    await pause(SCRIPT_STEP_MS, signal);
    signal.throwIfAborted();
  }
  return "it takes too long";
}

function cannotPlace(name: string, why: string): NegotiatorError {
  return new NegotiatorError(
    "INTERNAL",
    `Cannot put the command "${name}" into the guest: ${clipText(why.trim())}`,
    {
      remedy: `Make room for it in the guest, under ${GUEST_DIRECTORY}`,
    },
  );
}
