/** Lines that cannot be written are counted, and the count is written with the next line. */
import { expect, test } from "bun:test";
import { CommandCounts } from "../../src/audit/command-counts.ts";
import { createLineSink } from "../../src/audit/line-sink.ts";

/** A sink whose place is full while `isFull`. */
function createSink() {
  const puts: string[][] = [];
  const failures: unknown[] = [];
  const place = { isFull: false, puts, failures };
  const sink = createLineSink(
    (lines) => {
      if (place.isFull) throw new Error("full");
      puts.push(lines.map((line) => summary(line)));
    },
    (thrown) => failures.push(thrown),
  );
  return { place, sink };
}

/** A line of lost lines without its own time. */
function summary(line: string): string {
  if (!line.startsWith("{")) return line;
  const { event, lostLines, commands, otherCommands, since } = JSON.parse(line);
  return JSON.stringify([event, lostLines, commands, otherCommands, since]);
}

test("a line is written by itself while nothing is lost", () => {
  const { place, sink } = createSink();
  expect(sink.write({ text: "one", time: "T1", command: "id" })).toBe(true);
  expect([place.puts, place.failures, sink.end("T2")]).toEqual([[["one"]], [], undefined]);
});

test("lost lines are counted by command from the first one on, and written once with the next line", () => {
  const { place, sink } = createSink();
  place.isFull = true;
  expect(sink.write({ text: "one", time: "T1", command: "id" })).toBe(false);
  expect(sink.write({ text: "two", time: "T2", command: "id" })).toBe(false);
  expect(sink.write({ text: "three", time: "T3" })).toBe(false);
  expect([place.puts, place.failures.length]).toEqual([[], 3]);
  place.isFull = false;
  expect(sink.write({ text: "four", time: "T4", command: "ls" })).toBe(true);
  expect(sink.write({ text: "five", time: "T5" })).toBe(true);
  expect(place.puts).toEqual([['["lost",3,{"id":2},null,"T1"]', "four"], ["five"]]);
});

test("a line whose call is refused does not count as lost", () => {
  const { place, sink } = createSink();
  place.isFull = true;
  expect(sink.write({ text: "one", time: "T1", command: "id" }, true)).toBe(false);
  expect([place.failures.length, sink.end("T2")]).toEqual([1, undefined]);
});

test("a lost line that counts calls keeps its counts", () => {
  const { place, sink } = createSink();
  const counts = new CommandCounts();
  counts.add("id", 5);
  place.isFull = true;
  sink.write({ text: "counts", time: "T1", counts });
  place.isFull = false;
  sink.write({ text: "next", time: "T2" });
  expect(place.puts).toEqual([['["lost",1,{"id":5},null,"T1"]', "next"]]);
});

test("a loss of the place itself adds its lines, its counts and its earlier time", () => {
  const { place, sink } = createSink();
  const counts = new CommandCounts();
  counts.add("id", 2);
  sink.lose({ time: "T5", command: "ls" }, { lines: 3, since: "T1", counts });
  sink.lose({ time: "T6" }, { lines: 1, since: "T2", counts });
  sink.lose({ time: "T7" }, undefined);
  expect(sink.end("T8")).toBeUndefined();
  expect(place.puts).toEqual([['["lost",7,{"id":4,"ls":1},null,"T1"]']]);
  expect(sink.end("T9")).toBeUndefined();
  expect(place.puts.length).toBe(1);
});

test("a loss without an earlier one begins at its own time", () => {
  const { place, sink } = createSink();
  sink.lose({ time: "T5" }, undefined);
  sink.end("T6");
  expect(place.puts).toEqual([['["lost",1,null,null,"T5"]']]);
});

test("an end that cannot write the count returns it as an error", () => {
  const { place, sink } = createSink();
  place.isFull = true;
  const counts = CommandCounts.of({ commands: { id: 2 }, otherCommands: 4 });
  sink.write({ text: "one", time: "T1", command: "ls", counts });
  const error = sink.end("T2");
  expect([error?.code, error?.message]).toEqual([
    "INTERNAL",
    'Lines of the audit since T1 are lost: 1 ("ls" 1, "id" 2, others 4)',
  ]);
  expect(place.failures.length).toBe(2);
});

test("an end without other commands names none", () => {
  const { place, sink } = createSink();
  place.isFull = true;
  sink.write({ text: "one", time: "T1", command: "ls" });
  expect(sink.end("T2")?.message).toEndWith('are lost: 1 ("ls" 1)');
});
