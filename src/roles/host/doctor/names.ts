/** Names several guests in one line. */
import { printable } from "../../../printable.ts";

/** A line names so many guests. */
export const MOST_NAMES = 5;

/** Returns how many there are: `1 guest`, `7 guests`. */
export function countGuests({ length }: readonly string[]): string {
  return length === 1 ? "1 guest" : `${length} guests`;
}

/** Returns the first names, and how many more there are. */
export function nameSome(names: readonly string[]): string {
  const shown = names.slice(0, MOST_NAMES).map(printable).join(", ");
  return names.length > MOST_NAMES ? `${shown} and ${names.length - MOST_NAMES} more` : shown;
}
