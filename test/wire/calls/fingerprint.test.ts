/** The fingerprint of a request depends on its method and parameters only. */
import { expect, test } from "bun:test";
import { fingerprint } from "../../../src/wire/calls/served-calls.ts";

test("two requests with the same method and parameters have the same fingerprint", () => {
  const params = { command: "x", args: ["é", "\u{1f600}", "y".repeat(100_000)] };
  const first = fingerprint({ method: "execute", params });
  expect(fingerprint({ method: "execute", params: structuredClone(params) })).toBe(first);
  expect(typeof first).toBe("bigint");
});

test("100,000 similar requests all have different fingerprints", () => {
  const many = Array.from({ length: 100_000 }, (_, n) => fingerprint({ method: "execute", params: { n } }));
  const others = [
    fingerprint({ method: "execute", params: undefined }),
    fingerprint({ method: "execute", params: {} }),
    fingerprint({ method: "executf", params: {} }),
    fingerprint({ method: "execute", params: { n: "1" } }),
  ];
  expect(new Set([...many, ...others]).size).toBe(many.length + others.length);
});
