/** The digest by which a file is recognised. */
import { createHash } from "node:crypto";

/** Returns the SHA-256 of bytes, in hexadecimal. */
export function digestOf(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}
