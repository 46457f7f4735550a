/** Counts calls by command, in bounded memory and bounded text. */
import { clipBytes } from "./clip.ts";

/**
 * Names that are counted one by one: any names, and further ones of known commands, so that a caller cannot
 * hide a command behind names that it made up. All of them together fit into one line of the audit.
 */
const MOST_NAMES = { any: 64, known: 128 } as const;
/** Longest name, in bytes of the line. */
const NAME_BYTES = 64;

/** The members of a line: calls for each command, and the calls of further commands. */
export type CommandCountMembers = { commands?: Record<string, number>; otherCommands?: number };

/** Counts calls by the names of their commands. */
export class CommandCounts {
  readonly #calls = new Map<string, number>();
  readonly #known = new Set<string>();
  #others = 0;

  /** Counts calls of a command. Does nothing for calls without a command. */
  add(command: string | undefined, calls = 1, isKnown = false): void {
    if (command === undefined) return;
    const name = clipBytes(command, NAME_BYTES);
    const before = this.#calls.get(name);
    if (before === undefined && !this.#hasRoom(isKnown)) this.#others += calls;
    else this.#calls.set(name, (before ?? 0) + calls);
    if (before === undefined && isKnown && this.#calls.has(name)) this.#known.add(name);
  }

  #hasRoom(isKnown: boolean): boolean {
    const known = this.#known.size;
    return isKnown ? known < MOST_NAMES.known : this.#calls.size - known < MOST_NAMES.any;
  }

  /** Counts all calls that `counts` has. */
  addAll(counts: CommandCounts): void {
    for (const [name, calls] of counts.#calls) this.add(name, calls, counts.#known.has(name));
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
