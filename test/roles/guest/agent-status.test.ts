/** The line of `status` about the port of the guest agent. */
import { expect, test } from "bun:test";
import { formatAgentStatus } from "../../../src/roles/guest/agent-status.ts";
import { explainNoAnswer } from "../../../src/roles/guest/no-answer.ts";
import { NegotiatorError } from "../../../src/errors.ts";

const OPEN = {
  device: "/dev/p",
  hasClient: false,
  answered: 3,
  frozenSince: null,
  leftTo: null,
  lastError: null,
};

test.each<[string, object]>([
  ["qga: open at /dev/p, no client, 3 commands answered", {}],
  ["qga: open at /dev/p, a client is connected, 3 commands answered", { hasClient: true }],
  ["qga: the port is not open, 3 commands answered", { device: null, hasClient: true }],
  ["qga: the port is left to a\\n, 3 commands answered", { device: null, leftTo: "a\n" }],
  [
    "qga: open at /dev/p, no client, 3 commands answered, file systems are frozen since 2026",
    { frozenSince: "2026" },
  ],
  [
    "qga: open at /dev/p, no client, 3 commands answered, last error: broken\n  Mend \\x1bit",
    { lastError: "broken\nMend \u001bit" },
  ],
])("the port is shown as: %s", (line, given) => {
  expect(formatAgentStatus({ ...OPEN, ...given })).toBe(line);
});

test("a host that does not answer: the missing port comes first, then whether it has ever answered", () => {
  const missing = new NegotiatorError("NO_CHANNEL", "There is no port");
  const messages = [explainNoAnswer(missing, true), explainNoAnswer(undefined, true), explainNoAnswer()];
  expect(messages.map(({ message }) => message.split("\n")[0])).toEqual([
    "The host does not answer: There is no port",
    "The host's daemon answered before, and does not answer now",
    "No host daemon has connected to this guest yet",
  ]);
  expect(new Set(messages.map(({ code }) => code))).toEqual(new Set(["NO_CHANNEL"]));
});
