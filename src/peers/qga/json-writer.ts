/** Writes answers as the QEMU guest agent does: one line, ASCII only, exact integers. */

/**
 * Returns the bytes of a line with the value and its end. Members that are undefined are left out. A bigint
 * becomes all its digits.
 */
export function writeExactJson(value: unknown): Uint8Array {
  const parts: string[] = [];
  write(value, parts);
  parts.push("\n");
  // Data of a file can have megabytes, so the parts are not joined first.
  const bytes = Buffer.allocUnsafeSlow(parts.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const part of parts) end += bytes.write(part, end, "latin1");
  return bytes;
}

function write(value: unknown, parts: string[]): void {
  if (typeof value === "bigint") parts.push(value.toString());
  else if (typeof value === "string") writeText(value, parts);
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
      writeText(name, parts);
      parts.push(": ");
      write(member, parts);
    }
    parts.push("}");
  } else if (typeof value === "number" && Math.abs(value) > Number.MAX_SAFE_INTEGER && Number.isFinite(value))
    // With all its digits, a client would take it for an exact integer.
    parts.push(value.toExponential());
  else parts.push(JSON.stringify(value ?? null));
}

function writeText(text: string, parts: string[]): void {
  if (/[^ !#-[\]-~]/.test(text)) parts.push(quote(text));
  else parts.push('"', text, '"');
}

function quote(text: string): string {
  const quoted = JSON.stringify(text);
  return quoted.replaceAll(
    /[^ -~]/g,
    (letter) => `\\u${letter.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}
