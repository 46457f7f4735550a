/** The interface of the commands of a daemon, as the methods use them. `roles/daemon` has the real one. */
import type { Command, CommandList, CommandWords } from "./commands.ts";

/** The commands that a daemon offers now. A call gets script and settings of one generation. */
export type CommandCatalogue = {
  /**
   * Resolves with the command. Waits, for some seconds at most, while files of it are being changed. Rejects
   * as `findInGeneration` throws, and with `BUSY` if the files do not come to rest; with `TIMEOUT` if that
   * takes longer than `options.timeoutMs` (0 for no limit).
   */
  find: (
    name: string,
    isOffered: (name: string) => boolean,
    options?: { words?: CommandWords; timeoutMs?: number | undefined },
  ) => Promise<Command>;
  /** Throws `BUSY` if the files of a command that was found have changed since: it must not be started. */
  check: (command: Command) => void;
  /** Resolves with all commands. Waits as `find` does. */
  list: () => Promise<CommandList>;
};
