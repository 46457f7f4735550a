/** Tells the kinds of parsed TOML values apart. */

/** Returns whether a value is an object; lists and dates are too. */
export function isRecord(value: unknown): value is Record<PropertyKey, unknown> {
  return typeof value === "object" && value !== null;
}

/** Returns whether a TOML value is a table, and not a list, a date or a time. */
export function isTable(value: unknown): boolean {
  if (!isRecord(value) || Array.isArray(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype;
}
