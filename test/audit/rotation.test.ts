/** Rotation of the audit file by several processes, and in the face of names that are in its way. */
import { expect, test } from "bun:test";
import { mkdir, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { openAudit } from "../../src/audit/audit.ts";
import { auditOptions, FINISHED } from "../support/audit-sample.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

/** Root's calls have no limit. */
const OWN = { ...FINISHED, direction: "outgoing", user: { uid: 0 } } as const;

const PROCESSES = 4;
const LINES = 1500;

/** Writes lines as fast as it can, once all others are there too. */
function startWriter(path: string, name: string, maxBytes: number, keep: number) {
  const script = `
    import { openAudit } from "${join(import.meta.dir, "../../src/audit/audit.ts")}";
    const onProblem = ({ message }) => console.log(message);
    import { tryLockFile } from "${join(import.meta.dir, "../../src/process/libc.ts")}";
    const options = ${JSON.stringify({ path, maxBytes, keep, redactArguments: false, onFull: "count" })};
    using audit = openAudit({ ...options, fsync: false, tryLock: tryLockFile, onProblem });
    const entry = ${JSON.stringify(FINISHED)};
    for await (const _ of Bun.stdin.stream()) break;
    for (let call = 0; call < ${LINES}; call++)
      audit.record({ ...entry, peer: { guest: "${name}-" + call }, callId: "${name}-" + call });
  `;
  return Bun.spawn([process.execPath, "-e", script], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
}

test("processes that write and rotate one file at once lose no line and no old file", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const writers = Array.from({ length: PROCESSES }, (_, index) =>
    startWriter(path, `p${index}`, 20_000, 400),
  );
  for (const writer of writers) {
    void writer.stdin.write("go\n");
    await writer.stdin.end();
  }
  for (const writer of writers) {
    expect(await writer.stdout.text()).toBe("");
    expect(await writer.exited).toBe(0);
  }
  const files = (await readdir(directory.path)).filter((name) => /\.jsonl(?:\.\d+)?$/.test(name));
  const texts = await Promise.all(files.map((name) => readFile(directory.at(name), "utf8")));
  const ids = texts.flatMap((text) =>
    text
      .trimEnd()
      .split("\n")
      .filter(Boolean)
      .map((line): unknown => JSON.parse(line).callId),
  );
  expect(ids).toHaveLength(PROCESSES * LINES);
  expect(new Set(ids).size).toBe(PROCESSES * LINES);
  // A file is rotated only when it is full: none was rotated twice.
  const sizes = texts.map((text) => text.length).toSorted((a, b) => b - a);
  expect(sizes.slice(0, -1).every((size) => size > 15_000)).toBe(true);
});

test("a directory in the place of an old file stops the rotation, and lines are still written", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  await mkdir(`${path}.1/full`, { recursive: true });
  await mkdir(`${path}.2/full`, { recursive: true });
  const [options, problems] = auditOptions(path, { maxBytes: 1000 });
  {
    using audit = openAudit(options);
    for (let call = 0; call < 4; call++) audit.record({ ...OWN, callId: `c-${call}` });
  }
  const lines = (await readFile(path, "utf8")).trimEnd().split("\n");
  expect(lines.map((line): unknown => JSON.parse(line).callId)).toEqual(["c-0", "c-1", "c-2", "c-3"]);
  expect(problems.map(({ message }) => message)).toEqual([
    expect.stringContaining(`Cannot rotate the audit file "${path}"`),
  ]);
});
