/** Calls commands of the guest agent in this process. */
import type { AgentCommand } from "../../../src/methods/agent/agent-command.ts";
import type { CallContext } from "../../../src/methods/method.ts";

/** Calls of some commands, by name. */
export type AgentCalls = {
  /** Returns the result of a command. Rejects with its error. */
  readonly call: (name: string, args?: Record<string, unknown>) => Promise<unknown>;
  /** How many lines about the start of a command were written. */
  readonly begun: number;
};

/** Returns calls of the commands, by a client whom no rule gives a user. */
export function createAgentCalls(commands: readonly AgentCommand[]): AgentCalls {
  let begun = 0;
  const begin = async (): Promise<void> => {
    // The line is written in a later turn, and until then nothing may be done.
    await Bun.sleep(0);
    begun++;
  };
  // The commands take no more of the context than this.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  const context = { grant: {}, begin } as unknown as CallContext;
  return {
    async call(name, args = {}) {
      const command = commands.find((candidate) => candidate.name === name);
      if (command === undefined) throw new Error(`No command is called ${name}`);
      return (await command.method.prepare(args).run(context)).result;
    },
    get begun() {
      return begun;
    },
  };
}
