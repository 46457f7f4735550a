/** The helper that writes the audit: the order of its answers, and what it writes for each order. */
import { afterEach, beforeEach, expect, test } from "bun:test";
import { readFileSync, renameSync, rmdirSync } from "node:fs";
import { mkdir, readFile } from "node:fs/promises";
import type { AuditOrder } from "../../src/process/audit-order.ts";
import { writeAudit } from "../../src/process/audit-writer.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";

let directory: TemporaryDirectory;
let path: string;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
  path = directory.at("audit.jsonl");
});

afterEach(() => directory[Symbol.asyncDispose]());

const SIZES = { maxBytes: 1_000_000, keep: 1 };
const TIME = "2026-01-02T03:04:05.000Z";

const write = (lines: readonly string[], more: object = {}): AuditOrder => ({
  do: "write",
  path,
  lines,
  time: TIME,
  isRefused: false,
  ...more,
});

const text = (...orders: readonly AuditOrder[]): string =>
  orders.map((order) => `${JSON.stringify(order)}\n`).join("");

/**
 * Gives the pieces one after the other; a function is called before the next one. Returns the answers, each
 * with the number of pieces before it.
 */
async function answersTo(
  pieces: readonly (string | Uint8Array | (() => void))[],
  sizes = SIZES,
): Promise<string[]> {
  const answers: string[] = [];
  const left = [...pieces];
  let given = 0;
  await writeAudit(sizes, {
    read(room) {
      for (let next = left.shift(); next !== undefined; next = left.shift()) {
        if (typeof next === "function") next();
        else {
          given++;
          return Buffer.from(next).copy(room);
        }
      }
      return 0;
    },
    say: (line) => answers.push(`${given} ${line}`),
  });
  expect(left).toEqual([]);
  return answers;
}

/** Returns the kinds of the answers: `+`, `-` or `!`. */
const kindsOf = (answers: readonly string[]): string =>
  answers.map((answer) => answer.split(" ")[1]?.[0]).join("");

const written = (file = path): Promise<string> => readFile(file, "utf8");

test("without orders it says nothing", async () => {
  expect(await answersTo([])).toEqual([]);
});

test("each order of a piece gets an answer, and its lines are written in order", async () => {
  expect(await answersTo([text(write(["1"]), write(["2", "3"])), text(write(["4"]))])).toEqual([
    "1 +",
    "1 +",
    "2 +",
  ]);
  expect(await written()).toBe("1\n2\n3\n4\n");
});

test("an order in pieces is carried out when its end is there, also with a character in pieces", async () => {
  const bytes = Buffer.from(text(write(["é"])));
  const middle = bytes.indexOf(0xc3) + 1;
  expect(await answersTo([bytes.subarray(0, middle), bytes.subarray(middle)])).toEqual(["2 +"]);
  expect(await written()).toBe("é\n");
});

test("the start of an order at the end is not carried out", async () => {
  expect(await answersTo([`${text(write(["1"]))}${text(write(["2"])).slice(0, -1)}`])).toEqual(["1 +"]);
  expect(await written()).toBe("1\n");
});

test("two files get their own lines", async () => {
  const other = directory.at("other.jsonl");
  expect(await answersTo([text(write(["1"]), write(["2"], { path: other }), write(["3"]))])).toEqual([
    "1 +",
    "1 +",
    "1 +",
  ]);
  expect([await written(), await written(other)]).toEqual(["1\n3\n", "2\n"]);
});

test("open makes the file, and reopen makes it again after it was moved away", async () => {
  const moved = directory.at("moved");
  const answers = await answersTo([
    text({ do: "open", path }),
    () => renameSync(path, moved),
    text({ do: "reopen", path }),
  ]);
  expect(answers).toEqual(["1 +", "2 +"]);
  expect([await written(moved), await written()]).toEqual(["", ""]);
});

test.each([
  [false, 2],
  [true, 1],
])(
  "lines that could not be written are counted; the last one of a refused call: %p",
  async (isRefused, lost) => {
    await mkdir(path);
    const answers = await answersTo([
      text(write(["1"]), write(["2"], { isRefused })),
      () => rmdirSync(path),
      text(write(["3"])),
    ]);
    expect(kindsOf(answers).replaceAll("!", "")).toBe("--+");
    const lines = (await written()).trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ event: "lost", lostLines: lost });
    expect(lines[1]).toBe("3");
  },
);

test("a sync is answered in its place, and one that is asked twice too", async () => {
  const sync: AuditOrder = { do: "sync", path };
  expect(await answersTo([text(write(["1"]), sync, write(["2"]), sync)])).toEqual([
    "1 +",
    "1 +",
    "1 +",
    "1 +",
  ]);
  expect(await written()).toBe("1\n2\n");
});

test("a file that cannot be written is reported first, and its orders fail", async () => {
  await mkdir(path);
  const good = directory.at("good.jsonl");
  const answers = await answersTo([text(write(["1"]), write(["2"], { path: good }))]);
  expect(kindsOf(answers)).toBe("!-+");
  expect(JSON.parse(answers[0]?.slice(3) ?? "")).toMatchObject({
    code: expect.any(String),
    message: expect.stringContaining(path),
  });
  expect(await written(good)).toBe("2\n");
});

test("a write beside a sync fails alone", async () => {
  await mkdir(path);
  const good = directory.at("good.jsonl");
  const orders = [write(["1"]), write(["2"], { path: good }), { do: "sync", path: good }] as const;
  const answers = await answersTo([text(...orders)]);
  expect(kindsOf(answers).replaceAll("!", "")).toBe("-++");
});

test("a full file is rotated", async () => {
  const lines = Array.from({ length: 10 }, (_, index) => `${index}`.repeat(100));
  const answers = await answersTo([text(...lines.map((line) => write([line])))], { maxBytes: 500, keep: 2 });
  expect(kindsOf(answers)).toBe("+".repeat(10));
  expect(await written(`${path}.1`)).not.toBe("");
});

test.each<[what: string, last: AuditOrder["do"], first: string]>([
  ["a sync are all written before the first answer", "sync", "1\n2\n"],
  ["no sync are answered one by one", "open", "1\n"],
])("the lines of a piece with %s", async (_, last, first) => {
  const seen: string[] = [];
  const piece = text(write(["1"]), write(["2"]), Object({ do: last, path }));
  let isGiven = false;
  await writeAudit(SIZES, {
    read(room) {
      if (isGiven) return 0;
      isGiven = true;
      return Buffer.from(piece).copy(room);
    },
    say: () => seen.push(readFileSync(path, "utf8")),
  });
  expect(seen).toEqual([first, "1\n2\n", "1\n2\n"]);
});
