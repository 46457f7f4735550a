/** The standard error of commands in the log: line by line, cut, and within a rate. */
import { expect, test } from "bun:test";
import { createStderrLog } from "../../src/methods/stderr-log.ts";

/** A log that takes the first `most` lines. */
function createLog(most = Number.POSITIVE_INFINITY) {
  const lines: string[] = [];
  const keys: unknown[] = [];
  let calls = 0;
  const sink = createStderrLog({ via: "host" }, "id", (key, message) => {
    keys.push(key);
    const isTaken = calls++ < most || key[0] === "stderr left out";
    if (isTaken) lines.push(message.replace(/^the host: the command "id" writes to standard error: /, "> "));
    return isTaken;
  });
  return { lines, keys, sink, write: (text: string) => sink.write(Buffer.from(text)) };
}

test("each line is logged at its end, and the last one without an end at the end", async () => {
  const { lines, keys, sink, write } = createLog();
  await write("one\ntwo\nth");
  expect(lines).toEqual(["> one", "> two"]);
  await write("ree");
  expect(lines.length).toBe(2);
  sink.end();
  sink.end();
  expect(lines).toEqual(["> one", "> two", "> three"]);
  expect(keys).toEqual(Array.from({ length: 3 }, () => ["stderr", "host"]));
});

test("empty lines, and no output, are not logged", async () => {
  const { lines, sink, write } = createLog();
  await write("\n\none\n\n");
  await write("");
  sink.end();
  expect(lines).toEqual(["> one"]);
});

test("control characters are shown, and a long line is cut however it comes", async () => {
  const { lines, write } = createLog();
  await write("\u001b[1m\n");
  await write("x".repeat(5000));
  await write("y\nz\n");
  expect(lines[0]).not.toContain("\u001b");
  expect([lines[1]?.length, lines[1]?.includes("y"), lines[2]]).toEqual([1003, false, "> z"]);
});

test("a long line of long characters is shown whole up to its cut", async () => {
  const { lines, write } = createLog();
  await write(`${"😀".repeat(1100)}\n`);
  expect(lines[0]).not.toContain("�");
});

test("lines that the log does not take are counted at the end", async () => {
  const { lines, keys, sink, write } = createLog(1);
  await write("one\ntwo\nthree");
  sink.end();
  expect(lines).toEqual(["> one", 'the host: 2 lines of standard error of the command "id" were not logged']);
  expect(keys.at(-1)).toEqual(["stderr left out", "host"]);
});
