/** Colours text for a terminal. */

const CODES = { red: 31, green: 32, yellow: 33, cyan: 36, bold: 1, dim: 2 } as const;

/** A colour or a weight. */
export type Colour = keyof typeof CODES;

/** Returns the text in that colour. */
export type Paint = (text: string, colour: Colour | undefined) => string;

/** Leaves text as it is. */
export const PLAIN: Paint = (text) => text;

/** Colours text with SGR sequences. */
export const COLOURED: Paint = (text, colour) =>
  colour === undefined || text === "" ? text : `\u001b[${CODES[colour]}m${text}\u001b[0m`;
