/** Lets the second implementation of the protocol run the test vectors. */
import { expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { describeWithPython, startPython } from "./python.ts";

const VECTORS = join(import.meta.dirname, "../vectors");

type VectorReport = {
  /** The vectors of each file that were run. */
  readonly counts: Readonly<Record<string, number>>;
  readonly failed: readonly string[];
  /** The files that only one of the two sides has. */
  readonly leftOut: readonly string[];
};

await describeWithPython("the test vectors and a second implementation of the protocol", () => {
  test(
    "every vector of every file holds",
    async () => {
      const files = readdirSync(VECTORS).filter((name) => name.endsWith(".json"));
      const counts = Object.fromEntries(files.map((name) => [name, read(name).vectors.length]));
      expect(await run(VECTORS)).toEqual({ counts, failed: [], leftOut: [] });
      expect(files.length).toBeGreaterThan(5);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a vector that does not hold is reported by its name, and so is a file that is not known",
    async () => {
      await using directory = await createTemporaryDirectory();
      const names = [
        "frames.json",
        "lines.json",
        "hellos.json",
        "chunks.json",
        "breaches.json",
        "sessions.json",
      ];
      const wrong = names.map(async (name) =>
        directory.write(name, JSON.stringify({ vectors: [spoil(name)] })),
      );
      await Promise.all([...wrong, directory.write("later.json", '{"vectors":[]}')]);
      const { failed, leftOut } = await run(directory.at("."));
      expect(failed.map((line) => line.split(": ").slice(0, 2).join(": ")).toSorted()).toEqual(
        names.map((name) => `${name}: wrong`).toSorted(),
      );
      expect(leftOut).toEqual(["later.json"]);
    },
    TEST_TIMEOUT_MS,
  );
});

async function run(directory: string): Promise<VectorReport> {
  await using python = startPython("vectors", [directory]);
  return await python.report();
}

function read(name: string): { vectors: Record<string, unknown>[] } {
  return JSON.parse(readFileSync(join(VECTORS, name), "utf8"));
}

/** Returns the first vector of a file with another outcome. */
function spoil(name: string): Record<string, unknown> {
  const [vector = {}] = read(name).vectors;
  const outcomes = { reads: [{ lost: true }], isRead: false, crc32: 1, isBreach: false };
  const bytes = name === "hellos.json" ? { bytes: "0\n\n{}\n" } : {};
  return { ...vector, ...outcomes, ...bytes, steps: [{ state: "open" }], name: "wrong" };
}
