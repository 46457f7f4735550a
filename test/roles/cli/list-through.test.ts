/** `list-commands`: the names of a peer on our terminal. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createNativePeer } from "../../../src/peers/native.ts";
import { describeAll, listThrough } from "../../../src/roles/cli/execute-through.ts";
import { createServedLink } from "../../support/served-link.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

const explainNoAnswer = (): NegotiatorError => new NegotiatorError("NO_CHANNEL", "never sent");

const NOTHING =
  "The guest offers no command that its policy allows you\n" +
  "Ask in the guest whether its policy is right: negotiator guest check-config";

/** The stdout of the list, for a peer that answers with these names. */
async function listOf(names: readonly string[], isJson: boolean): Promise<string> {
  await using link = createServedLink((call) =>
    call.respond({ commands: names.map((name) => ({ name, kind: "user" })) }),
  );
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  const connect = async () => ({ peer, [Symbol.asyncDispose]: async () => undefined });
  const line = { timeoutMs: 5000, isJson, from: "guest" } as const;
  const { stdout, result } = await spyOnOutput(() => listThrough(connect, line));
  expect(result.exitCode).toBe(0);
  expect(result.error?.message).toBe(names.length > 0 ? undefined : NOTHING);
  return stdout;
}

test("control characters in a peer's names are escaped, as text and as JSON", async () => {
  const names = ["a\u001b[2J", "b\u009b2J", "c\nd"];
  expect(await listOf(names, false)).toBe("a\\x1b[2J\nb\\x9b2J\nc\\nd\n");
  const lines = (await listOf(names, true)).trimEnd().split("\n");
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  expect(lines.join("")).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
  expect(lines.map((line): unknown => JSON.parse(line))).toEqual(
    names.map((name) => ({ name, kind: "user" })),
  );
});

test("an empty list prints nothing on stdout, and says whom to ask on stderr", async () => {
  expect([await listOf([], false), await listOf([], true)]).toEqual(["", ""]);
});

test("on a terminal a description goes on below itself, in few columns below its name", () => {
  const description = "the code name of the Linux distribution, such as bookworm";
  const commands = [
    { name: "find-distribution-codename", kind: "builtin", description },
    { name: "greet", kind: "user" },
  ] as const;
  expect(describeAll(commands, 60)).toEqual([
    "find-distribution-codename  the code name of the Linux",
    "                            distribution, such as bookworm",
    "greet",
  ]);
  expect(describeAll(commands, 40)).toEqual([
    "find-distribution-codename",
    "    the code name of the Linux",
    "    distribution, such as bookworm",
    "greet",
  ]);
  expect(describeAll(commands)[0]).toBe(`find-distribution-codename  ${description}`);
});

test("with descriptions each name has its own, bounded and without control characters", async () => {
  await using link = createServedLink((call) =>
    call.respond({
      commands: [
        { name: "a", kind: "user", description: "Does\u001b[2J\nit" },
        { name: "long-name", kind: "user" },
        { name: "b", kind: "builtin", description: "x".repeat(5000) },
      ],
    }),
  );
  const peer = createNativePeer(link.caller, { explainNoAnswer });
  const connect = async () => ({ peer, [Symbol.asyncDispose]: async () => undefined });
  const line = { timeoutMs: 5000, isJson: false, hasDescriptions: true, from: "guest" } as const;
  const { stdout } = await spyOnOutput(() => listThrough(connect, line));
  const lines = stdout.split("\n");
  expect(lines.slice(0, 2)).toEqual(["a          Does\\x1b[2J\\nit", "long-name"]);
  expect(lines[2]).toMatch(/^b {10}x{190,200}…?$/);
});
