/** Measures values that a peer has sent. */

/** The quotes of a string, and the comma or colon behind it. */
const STRING_BYTES = 3;
/** About the bytes of a number, `true`, `false` or `null`, with a comma. */
const SHORT_BYTES = 6;

/** Returns about how many bytes a value has as JSON, without writing it; 0 for undefined. */
export function countBytes(value: unknown): number {
  if (typeof value === "string") return value.length + STRING_BYTES;
  if (value === undefined) return 0;
  if (typeof value !== "object" || value === null) return SHORT_BYTES;
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + countBytes(item), STRING_BYTES);
  let bytes = STRING_BYTES;
  for (const [name, member] of Object.entries(value))
    bytes += name.length + STRING_BYTES + countBytes(member);
  return bytes;
}
