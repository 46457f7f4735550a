/** Writes answers as the QEMU guest agent does: one line, ASCII only, exact integers. */

/**
 * Returns the bytes of a line with the value and its end. Members that are undefined are left out. A bigint
 * becomes all its digits.
 */
export function writeExactJson(value: unknown): Uint8Array {
  const parts: string[] = [];
  write(value, parts);
  parts.push("\n");
  return Buffer.from(parts.join(""), "latin1");
}

function write(value: unknown, parts: string[]): void {
  if (typeof value === "bigint") parts.push(value.toString());
  else if (typeof value === "string") parts.push(quote(value));
  else if (Array.isArray(value)) {
    parts.push("[");
    value.forEach((item, index) => {
      if (index > 0) parts.push(", ");
      write(item, parts);
    });
    parts.push("]");
  } else if (typeof value === "object" && value !== null) {
    parts.push("{");
    let isFirst = true;
    for (const [name, member] of Object.entries(value)) {
      if (member === undefined) continue;
      if (!isFirst) parts.push(", ");
      isFirst = false;
      parts.push(quote(name), ": ");
      write(member, parts);
    }
    parts.push("}");
  } else parts.push(JSON.stringify(value ?? null));
}

function quote(text: string): string {
  const quoted = JSON.stringify(text);
  if (!/[^ -~]/.test(quoted)) return quoted;
  return quoted.replaceAll(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}
