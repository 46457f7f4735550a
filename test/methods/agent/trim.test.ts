/** Each file system on a block device has its outcome of a trim. */
import { expect, test } from "bun:test";
import { createTrim } from "../../../src/methods/agent/trim.ts";
import type { TrimTools } from "../../../src/methods/agent/trim.ts";
import { createAgentCalls } from "./agent-call.ts";

const REPORTS: Readonly<Record<string, Awaited<ReturnType<TrimTools["trim"]>>>> = {
  "/": { trimmed: "4096" },
  "/usb": { errno: 95 },
  "/cd": { errno: 25 },
  "/bad": { errno: 5 },
  "/new": { trimmed: "0" },
};

test.each([
  ["without a minimum", {}, 0n],
  ["with a minimum", { minimum: 8192n }, 8192n],
])("%s all are tried, and each failure is its own", async (_, args, minimum) => {
  const asked: unknown[] = [];
  const calls = createAgentCalls([
    createTrim({
      listMounts: async () => Object.keys(REPORTS).map((path) => ({ path })),
      async trim(path, least) {
        asked.push([path, least]);
        return REPORTS[path] ?? { errno: 1 };
      },
    }),
  ]);
  expect(await calls.call("guest-fstrim", args)).toEqual({
    paths: [
      { path: "/", trimmed: 4096n, minimum },
      { path: "/usb", error: "trim not supported" },
      { path: "/cd", error: "trim not supported" },
      { path: "/bad", error: "failed to trim /bad: Input/output error" },
      { path: "/new", trimmed: 0n, minimum },
    ],
  });
  expect(asked).toEqual(Object.keys(REPORTS).map((path) => [path, minimum]));
  expect(calls.begun).toBe(1);
});
