/** Sinks of one guest's output: lines of both streams, and the beginning of each stream in memory. */
import { describe, expect, test } from "bun:test";
import { createLineSink, createMemorySink } from "../../../../src/roles/host/fan-out/guest-sink.ts";
import type { OutputName } from "../../../../src/standard-output.ts";

const MOST_KEPT = 256 * 1024;

/** A filter that leaves bytes as they are, and ends with a text. */
function filterOf(end: string) {
  return { push: (bytes: Uint8Array) => bytes, end: () => Buffer.from(end) };
}

/** A sink of lines whose filters note their stream, and what it has written. */
function lineSink(takes = true) {
  const written: [OutputName, string][] = [];
  const sink = createLineSink({
    prefix: "g: ",
    filters: { stdout: filterOf("<out>"), stderr: filterOf("") },
    write(stream, bytes) {
      written.push([stream, new TextDecoder().decode(bytes)]);
      return Promise.resolve(takes);
    },
  });
  return { sink, written };
}

describe("lines", () => {
  test("each stream keeps its own unfinished line, and its filter has the last bytes", async () => {
    const { sink, written } = lineSink();
    expect(await sink.write("stdout", Buffer.from("a"))).toBe(true);
    await sink.write("stderr", Buffer.from("b\nc"));
    expect(written).toEqual([["stderr", "g: b\n"]]);
    await sink.end();
    expect(written.slice(1)).toEqual([
      ["stdout", "g: a<out>\n"],
      ["stderr", "g: c\n"],
    ]);
  });

  test("a write says whether our reader took the lines; part of a line is always taken", async () => {
    const { sink } = lineSink(false);
    expect(await sink.write("stdout", Buffer.from("part"))).toBe(true);
    expect(await sink.write("stdout", Buffer.from(" and end\n"))).toBe(false);
  });

  test("a line of 64 KiB whose end comes later is one line", async () => {
    const { sink, written } = lineSink();
    const line = "x".repeat(64 * 1024);
    await sink.write("stdout", Buffer.from(line));
    expect(written).toEqual([]);
    await sink.write("stdout", Buffer.from("\nnext\n"));
    expect(written).toEqual([["stdout", `g: ${line}\ng: next\n`]]);
  });

  test("a line without an end is held up to 64 KiB, and its rest follows as another line", async () => {
    const { sink, written } = lineSink();
    await sink.write("stderr", Buffer.alloc(65_535, "x"));
    expect(written).toEqual([]);
    await sink.write("stderr", Buffer.from("xy"));
    expect(written).toEqual([["stderr", `g: ${"x".repeat(65_536)}\n`]]);
    await sink.end();
    expect(written.at(-1)).toEqual(["stderr", "g: y\n"]);
  });
});

describe("memory", () => {
  test("both streams are kept apart, and bytes that are not UTF-8 become U+FFFD", async () => {
    const sink = createMemorySink();
    expect(await sink.write("stdout", Buffer.from("a"))).toBe(true);
    await sink.write("stderr", Uint8Array.of(0x62, 0xff));
    await sink.write("stdout", Buffer.from("c"));
    await sink.end();
    expect([sink.texts(), sink.isTruncated]).toEqual([{ stdout: "ac", stderr: "b\uFFFD" }, false]);
  });

  test("a stream of exactly 256 KiB is whole, and one byte more is cut and said", async () => {
    const sink = createMemorySink();
    await sink.write("stdout", Buffer.alloc(MOST_KEPT - 1, "x"));
    await sink.write("stdout", Buffer.from("y"));
    expect(sink.isTruncated).toBe(false);
    await sink.write("stderr", Buffer.from("e"));
    expect(await sink.write("stdout", Buffer.from("z"))).toBe(true);
    expect(sink.isTruncated).toBe(true);
    const { stdout, stderr } = sink.texts();
    expect([stdout.length, stdout.endsWith("xy"), stderr]).toEqual([MOST_KEPT, true, "e"]);
    await sink.write("stderr", Buffer.from("f"));
    expect([sink.isTruncated, sink.texts().stderr]).toEqual([true, "ef"]);
  });
});
