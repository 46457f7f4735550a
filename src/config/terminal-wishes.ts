/** Reads what the user wants from programs on a terminal. */

/** Whether colours are wanted (no-color.org), and whether the terminal can move its cursor. */
export type TerminalWishes = { colours: boolean; moves: boolean };

/** Returns the wishes in the environment. A dumb terminal shows neither colours nor moves. */
export function terminalWishes(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): TerminalWishes {
  const { NO_COLOR = "", TERM } = environment;
  const isDumb = TERM === "dumb";
  return { colours: NO_COLOR === "" && !isDumb, moves: !isDumb };
}
