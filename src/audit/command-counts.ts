/** Counts calls by command, in bounded memory and bounded text. */
import { clipBytes } from "./clip.ts";

/** Names that are counted one by one. A directory of commands seldom has more. */
const MOST_NAMES = 64;
/** Longest name, in bytes of the line. */
const NAME_BYTES = 64;

/** The members of a line: calls for each command, and the calls of further commands. */
export type CommandCountMembers = { commands?: Record<string, number>; otherCommands?: number };

/** Counts calls by the names of their commands. */
export class CommandCounts {
  readonly #calls = new Map<string, number>();
  #others = 0;

  /** Counts calls of a command. Does nothing for calls without a command. */
  add(command: string | undefined, calls = 1): void {
    if (command === undefined) return;
    const name = clipBytes(command, NAME_BYTES);
    const before = this.#calls.get(name);
    if (before === undefined && this.#calls.size >= MOST_NAMES) this.#others += calls;
    else this.#calls.set(name, (before ?? 0) + calls);
  }

  /** Counts all calls that `counts` has. */
  addAll(counts: CommandCounts): void {
    for (const [name, calls] of counts.#calls) this.add(name, calls);
    this.#others += counts.#others;
  }

  /** Returns the counts that a line has. */
  static of({ commands = {}, otherCommands = 0 }: CommandCountMembers): CommandCounts {
    const counts = new CommandCounts();
    for (const [name, calls] of Object.entries(commands)) counts.add(name, calls);
    counts.#others += otherCommands;
    return counts;
  }

  /** Returns the counts as members of a line; none if no call had a command. */
  members(): CommandCountMembers {
    return {
      ...(this.#calls.size > 0 && { commands: Object.fromEntries(this.#calls) }),
      ...(this.#others > 0 && { otherCommands: this.#others }),
    };
  }
}
