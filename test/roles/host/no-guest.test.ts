/** The error for a guest that does not exist. */
import { expect, test } from "bun:test";
import { noGuest } from "../../../src/roles/host/no-guest.ts";

test("the error for an unknown guest shows a short name on one line, without control characters", () => {
  const { message } = noGuest(`web1\n\u001b[31m${"x".repeat(1000)}`, ["db1"]);
  const [first = "", ...others] = message.split("\n");
  expect(first).toStartWith('No running guest with a negotiator channel is called "web1\\n\\x1b[31mxxx');
  expect(first.length).toBeLessThan(200);
  expect(others).toEqual(["List the guests with: negotiator host list-guests"]);
});
