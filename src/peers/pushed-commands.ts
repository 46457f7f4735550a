/** The commands that a host keeps for guests whose agent knows no commands. */
import type { CommandSummary } from "../methods/command-list.ts";

/** The commands that the host keeps for one guest. */
export type PushedCommands = {
  /** Resolves with the commands, sorted by name. */
  list(): Promise<CommandSummary[]>;
  /** Resolves with a command. Rejects with `NO_COMMAND`, and with `NOT_EXECUTABLE` for an unsafe file. */
  read(name: string): Promise<PushedCommand>;
};

/** A command that the host keeps: the bytes of its file, and its own deadline if it has one. */
export type PushedCommand = { name: string; program: Uint8Array; timeoutSeconds?: number };
