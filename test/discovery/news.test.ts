/** The difference between two scans. */
import { expect, test } from "bun:test";
import { compareClashes, compareScans, hasNews } from "../../src/discovery/news.ts";
import { NegotiatorError } from "../../src/errors.ts";
import type { Endpoint } from "../../src/discovery/endpoint.ts";
import { endpoint } from "./endpoint-sample.ts";

const A = endpoint({ guest: "a", path: "/a", uuid: "ua", source: "libvirt" });
const NOTHING = { appeared: [], changed: [], gone: [], problems: [] };

const compare = (before: readonly Endpoint[], after: readonly Endpoint[]) =>
  compareScans({ before, after, problems: [], reported: new Set() });

test.each([
  ["guest", { guest: "b" }],
  ["uuid", { uuid: "ub" }],
  ["port", { port: "other.0" }],
  ["path", { path: "/b" }],
  ["machine", { machine: "far" }],
])("an endpoint with another %s is gone, and one has appeared", (_, change) => {
  const other = { ...A, ...change };
  expect(compare([A], [other])).toEqual({ ...NOTHING, appeared: [other], gone: [A] });
});

test("two equal scans have no news, and another member is a change", () => {
  expect(compare([A], [{ ...A }])).toEqual(NOTHING);
  const paused = { ...A, state: "paused" } as const;
  expect(compare([A], [paused])).toEqual({ ...NOTHING, changed: [paused] });
});

test("a moved endpoint is a change once, and the next scan without the move is not", () => {
  const moved = { ...A, path: "/new", movedFrom: "/a" };
  expect(compare([A], [moved])).toEqual({ ...NOTHING, changed: [moved] });
  expect(compare([moved], [{ ...A, path: "/new" }])).toEqual(NOTHING);
});

test("only problems whose message was not reported are news", () => {
  const [old, fresh] = ["old", "fresh"].map((text) => new NegotiatorError("CLOSED", text));
  if (old === undefined || fresh === undefined) throw new Error("two problems are missing");
  const news = compareScans({ before: [], after: [], problems: [old, fresh], reported: new Set(["old"]) });
  expect(news.problems).toEqual([fresh]);
});

const clash = (text: string) => ({ guests: ["a"], error: new NegotiatorError("BAD_CONFIG", text) });

test("clashes are news if their messages differ, also when all of them are over", () => {
  expect(compareClashes([], [])).toEqual({});
  expect(compareClashes([clash("x")], [clash("x")])).toEqual({});
  const other = [clash("y")];
  expect(compareClashes([clash("x")], other)).toEqual({ clashes: other });
  expect(compareClashes([clash("x")], [])).toEqual({ clashes: [] });
});

test("each kind of news counts, and so does the end of all clashes", () => {
  expect(hasNews(NOTHING)).toBe(false);
  expect(hasNews({ ...NOTHING, clashes: [] })).toBe(true);
  expect(hasNews({ ...NOTHING, problems: [new NegotiatorError("BAD_CONFIG", "x")] })).toBe(true);
  for (const kind of ["appeared", "changed", "gone"]) expect(hasNews({ ...NOTHING, [kind]: [A] })).toBe(true);
});
