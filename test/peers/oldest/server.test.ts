/** A guest's daemon under a host with python-negotiator 0.1: answers, policy, audit, and invalid messages. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { readDistribution } from "../../../src/methods/builtin/distribution.ts";
import { formatAddresses } from "../../../src/methods/builtin/ip-addresses.ts";
import { createSyncProbe } from "../../../src/peers/legacy/sync-probe.ts";
import { createOldClient, frame } from "../../support/old-client.ts";
import { createOldestClient } from "../../support/oldest-client.ts";
import type { OldestClient } from "../../support/oldest-client.ts";
import { until } from "../../support/until.ts";
import { createServedStage } from "../legacy/served-stage.ts";
import type { ServedStage } from "../legacy/served-stage.ts";

setDefaultTimeout(180_000);

type Stage = ServedStage & { host: OldestClient };

async function createStage(policy?: string): Promise<Stage> {
  const stage = await createServedStage({ role: "guest", ...(policy === undefined ? {} : { policy }) });
  return { ...stage, host: createOldestClient(stage.channel) };
}

/** The error text with which a call of the host program fails. */
async function errorTextOf(call: Promise<unknown>): Promise<string> {
  const end = await call.catch((thrown: unknown) => thrown);
  return end instanceof Error ? end.message : `no error, but ${JSON.stringify(end)}`;
}

describe("the options of the host program", () => {
  test("-d, -r, -c and -i print what our own commands print", async () => {
    await using stage = await createStage();
    const { id, release, codename } = await readDistribution();
    expect(await stage.host.find("find_distributor_id")).toBe(`${id}\n`);
    expect(await stage.host.find("find_distribution_release")).toBe(`${release}\n`);
    expect(await stage.host.find("find_distribution_codename")).toBe(`${codename}\n`);
    expect(await stage.host.find("find_ip_addresses")).toBe(formatAddresses());
  });

  test("find_ip_addresses returns a list, not text", async () => {
    await using stage = await createStage();
    expect(await stage.host.call("find_ip_addresses")).toEqual(formatAddresses().trim().split("\n"));
  });

  test.each([
    ["a line without its blanks", ["show", "a b"], "[a b]\n"],
    ["several lines as they are", ["show", "1", "2"], "[1]\n[2]\n\n"],
    ["an empty line for no output", ["show"], "\n"],
    ["the output of the last part of a path", ["/usr/bin/show", "x"], "[x]\n"],
    ["shell syntax in an argument as text", ["show", "$(id)"], "[$(id)]\n"],
  ])("-e prints %s", async (_, words, printed) => {
    await using stage = await createStage();
    expect(await stage.host.execute(...words)).toBe(printed);
  });

  test.each([
    ["an exit code", ["fail", "x"], /^External command failed with exit code 3!\n\nCommand:\nfail x\n/],
    ["a signal", ["die"], /^External command failed with exit code -9!/],
    ["a missing command", ["none"], /^External command isn't available!/],
    ["shell syntax in a name", ["show; id"], /^External command isn't available!/],
    ["no command", [], /as text$/],
  ])("-e fails with the text of %s", async (_, words, text) => {
    await using stage = await createStage();
    expect(await errorTextOf(stage.host.execute(...words))).toMatch(text);
    expect(await stage.host.execute("show", "next")).toBe("[next]\n");
  });
});

test("a request whose arguments have another form is answered at once with an error", async () => {
  await using stage = await createStage();
  const client = createOldClient(stage.channel);
  for (const more of [
    { arguments: "show" },
    { arguments: null },
    { keyword_arguments: [] },
    { keyword_arguments: 5 },
  ]) {
    await client.send(frame({ command: "execute", ...more }));
    const error = expect.stringMatching(/^Cannot call "execute": "(keyword_)?arguments" has to be/);
    expect(await client.answer()).toMatchObject({ success: false, error });
  }
});

test("an unknown command fails with the text of the original, and so do its public attributes", async () => {
  await using stage = await createStage();
  for (const command of [
    "find_disk_usage",
    "list_commands",
    "raw_write",
    "send",
    "_private",
    "constructor",
    "",
  ])
    expect(await errorTextOf(stage.host.call(command))).toContain(`Command ${command} not supported`);
});

test("the hello of a native host is answered by the session, not by this dialect", async () => {
  await using stage = await createStage();
  const { bytes } = createSyncProbe({ name: "negotiator", version: "0", role: "host" }, () => "n");
  await stage.host.send(bytes);
  const pieces = stage.channel[Symbol.asyncIterator]();
  const { value } = await pieces.next();
  expect(Buffer.from(value ?? "").toString()).toMatch(/^\n\{"jsonrpc":"2\.0","id":"n","error":/);
});

test("the policy denies a call, and the audit has all of them", async () => {
  const policy =
    '[[rules]]\naction = "deny"\ncommands = ["fail", "find-ip-addresses"]\nreason = "not for hosts"\n' +
    '[[rules]]\naction = "allow"\ncommands = ["show", "find-distributor-id"]\n';
  await using stage = await createStage(policy);
  const { host } = stage;
  const denied = /^The guest denies the command "[a-z-]+": not for hosts$/;
  expect(await errorTextOf(host.call("find_ip_addresses"))).toMatch(denied);
  expect(await errorTextOf(host.execute("fail"))).toMatch(denied);
  expect(await host.execute("show", "x")).toBe("[x]\n");
  await host.find("find_distributor_id");
  await until("all is written down", async () => (await stage.audit()).length === 4);
  expect(await stage.audit()).toMatchObject([
    { command: "find-ip-addresses", decision: "denied", errorCode: "DENIED" },
    { command: "fail", decision: "denied", errorCode: "DENIED" },
    { command: "show", arguments: ["x"], decision: "allowed", exitCode: 0, direction: "incoming" },
    { command: "find-distributor-id", decision: "allowed", exitCode: 0 },
  ]);
});

describe("invalid messages", () => {
  test.each<[string, string]>([
    ["an empty line", "\n"],
    ["no count", "hello\n"],
    ["a count of ten thousand billion", "1000000000000\n"],
    ["a request without a command", frame({ arguments: [] })],
    ["a command that is a number", frame({ command: 5 })],
    ["a response", frame({ success: true, result: "x" })],
    ["a frame that is too large", frame({ command: "execute", arguments: ["x".repeat(300_000)] })],
  ])("the next request is answered after %s", async (_, junk) => {
    await using stage = await createStage();
    await stage.host.send(junk);
    await stage.host.send("\n");
    expect(await stage.host.execute("show", "alive")).toBe("[alive]\n");
  });

  test("20 requests sent at once are answered in order", async () => {
    await using stage = await createStage();
    const words = Array.from({ length: 20 }, (_, index) => String(index));
    await stage.host.send(
      words.map((word) => frame({ command: "execute", arguments: ["show", word] })).join(""),
    );
    const client = createOldClient(stage.channel);
    for (const word of words) expect(await client.answer()).toEqual({ success: true, result: `[${word}]` });
  });

  test("arguments and input of wrong types fail, and the next request is answered", async () => {
    await using stage = await createStage();
    expect(await errorTextOf(stage.host.call("execute", ["show", 5]))).toContain("as text");
    expect(await errorTextOf(stage.host.call("execute", ["cat"], { input: 5 }))).toContain(
      "input has to be text",
    );
    expect(await errorTextOf(stage.host.execute("spew"))).toContain(
      "The command wrote more than 262144 bytes",
    );
    expect(await stage.host.execute("show", "next")).toBe("[next]\n");
  });
});
