/** Reads the test vectors. README.md beside this file describes their format. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** A vector has a name; its other members depend on its file. */
type Named = { name: string };

/** Returns the vectors of a file, each with its name in front, as `test.each` takes them. */
export function loadVectors<Vector extends Named>(file: string): [string, Vector][] {
  const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(join(import.meta.dir, file), "utf8"));
  return vectors.map((vector) => [vector.name, vector]);
}

/** Returns the bytes of a text in which each character stands for one byte. */
export function bytesOf(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, "latin1"));
}

/** Returns the text in which each byte is one character. */
export function textOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("latin1");
}
