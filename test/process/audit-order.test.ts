/** The lines between a daemon and the helper that writes its audit. */
import { expect, test } from "bun:test";
import { CommandCounts } from "../../src/audit/command-counts.ts";
import { NegotiatorError } from "../../src/errors.ts";
import {
  formatProblem,
  linesOf,
  orderLine,
  parseOrder,
  parseProblem,
} from "../../src/process/audit-order.ts";

test("only the last line of an order has the command and the counts", () => {
  const counts = CommandCounts.of({ commands: { id: 2 } });
  const order = parseOrder(orderLine("/a", ["lost", "line"], { time: "T", command: "id", counts }, true));
  if (order.do !== "write") throw new Error("it is not an order to write");
  expect([order.path, order.isRefused, order.time]).toEqual(["/a", true, "T"]);
  const [first, last] = linesOf(order);
  expect(first).toEqual({ text: "lost", time: "T" });
  expect(last).toMatchObject({ text: "line", time: "T", command: "id" });
  expect(last?.counts?.members()).toEqual({ commands: { id: 2 } });
});

test("an order without counts has none", () => {
  const order = parseOrder(orderLine("/a", ["line"], { time: "T" }, false));
  if (order.do !== "write") throw new Error("it is not an order to write");
  expect(linesOf(order)).toEqual([{ text: "line", time: "T" }]);
});

test("a problem keeps its code, and one with an unknown code is internal", () => {
  const problem = parseProblem(formatProblem(new NegotiatorError("BUSY", "full")));
  expect([problem.code, problem.message]).toEqual(["BUSY", "full"]);
  expect(parseProblem('{"code":"OTHER","message":"text"}').code).toBe("INTERNAL");
});
