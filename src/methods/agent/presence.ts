/** The commands by which a client finds out who answers: `guest-sync`, `guest-ping`, `guest-info`. */
import { VERSION } from "../../version.ts";
import { integer } from "./agent-arguments.ts";
import { defineAgentCommand } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";

/** Both synchronisations return the id. The dialect puts the byte 0xFF before the delimited one. */
export const SYNC: readonly AgentCommand[] = ["guest-sync", "guest-sync-delimited"].map((name) =>
  defineAgentCommand({
    name,
    access: "counted",
    worksFrozen: true,
    args: { id: integer },
    run: ({ id }) => id,
  }),
);

/** Does nothing. */
export const PING = defineAgentCommand({
  name: "guest-ping",
  access: "counted",
  worksFrozen: true,
  run: () => ({}),
});

/** Returns the command that lists all commands. `isEnabled` returns whether a client may call one now. */
export function createInfoCommand(
  list: () => readonly AgentCommand[],
  isEnabled: (command: AgentCommand) => boolean,
): AgentCommand {
  return defineAgentCommand({
    name: "guest-info",
    access: "open",
    worksFrozen: true,
    run: () => ({
      version: VERSION,
      supported_commands: list().map((command) => ({
        name: command.name,
        enabled: isEnabled(command),
        "success-response": !command.isSilent,
      })),
    }),
  });
}
