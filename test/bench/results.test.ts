/** The results of the bench: medians, goals, the table, and the comparison with a baseline. */
import { describe, expect, test } from "bun:test";
import { findRegressions, parseBaseline, renewBaseline } from "../../bench/baseline.ts";
import { isMet, judgedOf } from "../../bench/row.ts";
import type { Measured, Measurement, Row } from "../../bench/row.ts";
import { parseSink } from "../../bench/sink.ts";
import { measureRounds, median } from "../../bench/statistics.ts";
import { formatFigure, formatTable, toJson } from "../../bench/table.ts";

const SPEED: Row = {
  name: "out",
  family: "bulk",
  what: "random",
  unit: "MB/s",
  yardstick: "relays",
  judged: "ratio",
  better: "more",
  goal: 0.8,
};
const MEMORY: Row = {
  name: "memory",
  family: "slow-reader",
  what: "daemon",
  unit: "MiB",
  judged: "figure",
  better: "less",
  goal: 24,
  floor: 8,
};

function speed(figure: number): Measured {
  return { row: SPEED, measurement: { figure, yardstick: 100 } };
}
function memory(measurement: Measurement): Measured {
  return { row: MEMORY, measurement };
}

test("median returns the middle figure, and the mean of both middle ones", () => {
  expect(median([9, 1, 5])).toBe(5);
  expect(median([4, 1, 9, 6])).toBe(5);
  expect(() => median([])).toThrow("There are no figures");
});

test("measureRounds measures every lane once a round, in turn, and returns the medians", async () => {
  const order: string[] = [];
  const lane = (name: string, figures: number[]) => async () => {
    order.push(name);
    return figures.shift() ?? Number.NaN;
  };
  const medianOf = await measureRounds({ a: lane("a", [1, 9, 2]), b: lane("b", [5, 4, 6]) }, 3);
  expect(order).toEqual(["a", "b", "a", "b", "a", "b"]);
  expect([medianOf("a"), medianOf("b")]).toEqual([2, 5]);
});

describe("a goal", () => {
  test("that is a least ratio is met from that ratio on", () => {
    expect([isMet(speed(80)), isMet(speed(79))]).toEqual([true, false]);
    expect(judgedOf(speed(79))).toBe(0.79);
  });

  test("that is a largest figure is met up to that figure", () => {
    expect([isMet(memory({ figure: 24 })), isMet(memory({ figure: 24.1 }))]).toEqual([true, false]);
  });

  test("is neither met nor missed by a row without a result, or without a goal", () => {
    const { goal: _, ...information } = MEMORY;
    expect(isMet(memory({ skipped: "no such setting" }))).toBeUndefined();
    expect(isMet({ row: information, measurement: { figure: 1 } })).toBeUndefined();
  });
});

describe("the comparison with a baseline", () => {
  const baseline = { out: 0.8, memory: 20 };

  test("reports a ratio below half, and a memory above twice the baseline's", () => {
    expect(findRegressions([speed(39), memory({ figure: 41 })], baseline)).toEqual([
      "out: 0.39, in the baseline 0.80",
      "memory: 41.0, in the baseline 20.0",
    ]);
  });

  test("accepts figures that are exactly twice as bad, or better than the baseline's", () => {
    expect(findRegressions([speed(40), memory({ figure: 40 })], baseline)).toEqual([]);
    expect(findRegressions([speed(95), memory({ figure: 1 })], baseline)).toEqual([]);
  });

  test("takes figures below the row's floor for the floor", () => {
    expect(findRegressions([memory({ figure: 16 })], { memory: 1 })).toEqual([]);
    expect(findRegressions([memory({ figure: 17 })], { memory: 1 })).toHaveLength(1);
  });

  test("reports a failed row, and neither a skipped one nor one that the baseline does not have", () => {
    expect(findRegressions([memory({ failed: "no memory" })], baseline)).toEqual(["memory: failed"]);
    expect(findRegressions([memory({ skipped: "not here" }), speed(1)], { memory: 1 })).toEqual([]);
  });

  test("can be renewed: rows without a result keep their figure", () => {
    expect(renewBaseline(baseline, [speed(12.3456), memory({ failed: "x" })])).toEqual({
      out: 0.123,
      memory: 20,
    });
  });

  test("refuses a file with anything but numbers", () => {
    expect(parseBaseline('{ "out": 0.5 }')).toEqual({ out: 0.5 });
    expect(() => parseBaseline('{ "out": "0.5" }')).toThrow('no number for "out"');
    expect(() => parseBaseline("3")).toThrow("not an object");
  });
});

test("the table shows figures, yardsticks, ratios, goals, and the reason of a skipped row", () => {
  const rows = [speed(50), memory({ figure: 7 }), memory({ skipped: "no machine\nInstall one" })];
  expect(formatTable(rows).split("\n")).toEqual([
    "row     what       figure  yardstick         ratio  goal",
    "out     random  50.0 MB/s  100 MB/s, relays   0.50  >= 0.8     MISSED",
    "memory  daemon   7.00 MiB                           <= 24 MiB  met",
    "memory  daemon          -                           <= 24 MiB  skipped: no machine",
  ]);
});

test("the JSON has the judged figure of each row and whether it meets the goal", () => {
  const facts = { binary: "b", processor: "p", processors: 2, kernel: "k", bun: "1", load: 0 };
  const rows = [speed(50), memory({ skipped: "not here" })];
  expect(JSON.parse(JSON.stringify(toJson(facts, rows)))).toMatchObject({
    processors: 2,
    rows: [
      { name: "out", figure: 50, yardstick: 100, yardstickName: "relays", judgedFigure: 0.5, isMet: false },
      { name: "memory", skipped: "not here" },
    ],
  });
});

test("formatFigure keeps about three digits", () => {
  expect([123.4, 12.34, 1.234, 0.126].map(formatFigure)).toEqual(["123", "12.3", "1.23", "0.13"]);
});

test("parseSink returns MB/s, and refuses a wrong number of bytes", () => {
  expect(parseSink("1000000000 3000000000 199999999\n", 200_000_000)).toBe(100);
  expect(() => parseSink("1 2 41\n", 43)).toThrow("got 42 of 43 bytes");
  expect(() => parseSink("1 2\n", 43)).toThrow('printed "1 2');
});
