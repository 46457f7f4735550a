/** The subcommand `policy init`: a first policy from the audit. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFile, readdir } from "node:fs/promises";
import { decide, parsePolicy } from "../../../src/policy/policy.ts";
import { createFirstPolicy } from "../../../src/roles/cli/first-policy.ts";
import { launch } from "../../support/program.ts";
import type { Ended } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const RAN = {
  role: "host",
  direction: "incoming",
  method: "execute",
  decision: "allowed",
  exitCode: 0,
  signal: null,
};

function entry(guest: string, command: string, args: string[] = [], more: object = {}) {
  return { timeMs: 0, members: { ...RAN, peer: { guest }, command, arguments: args, ...more } };
}

describe("a first policy", () => {
  test("allows what ran here, and nothing else", () => {
    const { text, calls, commands } = createFirstPolicy("host", [
      entry("web1", "backup", ["--full", "/srv"]),
      entry("web1", "backup", ["--full", "/home"]),
      entry("web2", "find-disk-usage"),
      entry("web1", "find-disk-usage"),
      entry("web1", "denied", [], { decision: "denied", exitCode: undefined, signal: undefined }),
      entry("web1", "started", [], { event: "start" }),
      entry("web1", "outgoing", [], { direction: "outgoing" }),
      entry("web1", "of-the-guest", [], { role: "guest" }),
    ]);
    expect({ calls, commands }).toEqual({ calls: 4, commands: 2 });
    expect(text.split("\n\n").slice(1)).toEqual([
      '# 2 calls\n# with: --full /srv\n# with: --full /home\n[[rules]]\naction = "allow"\n' +
        'guests = ["web1"]\ncommands = ["backup"]',
      '# 2 calls\n[[rules]]\naction = "allow"\nguests = ["web1", "web2"]\ncommands = ["find-disk-usage"]\n' +
        "arguments = []\n",
    ]);
    const policy = parsePolicy(text);
    const allows = (guest: string, name: string, args: string[]): boolean =>
      decide(policy, {
        caller: { via: "guest", name: guest },
        method: "execute",
        resource: { kind: "command", name, args },
      }).allowed;
    expect(allows("web1", "backup", ["--other"])).toBe(true);
    expect(allows("web2", "backup", [])).toBe(false);
    expect(allows("web2", "find-disk-usage", [])).toBe(true);
    expect(allows("web2", "find-disk-usage", ["x"])).toBe(false);
    expect(allows("web1", "denied", [])).toBe(false);
  });

  test("takes names and arguments of the other side as they are, and lets none become a rule", () => {
    const names = ['a"\n[[rules]]\naction = "allow"', "b*", "c\u007f\u202e", "d\\"];
    const evil = '\n[[rules]]\naction = "allow"';
    const { text } = createFirstPolicy("host", [
      ...names.map((name) => entry(name, name)),
      entry("web1", "evil", [evil]),
    ]);
    const policy = parsePolicy(text);
    expect(policy.kind === "rules" && policy.rules.length).toBe(names.length + 1);
    for (const name of names) {
      const resource = { kind: "command", name, args: [] } as const;
      expect(decide(policy, { caller: { via: "guest", name }, method: "execute", resource }).allowed).toBe(
        true,
      );
    }
    const resource = { kind: "command", name: "bx", args: [] } as const;
    const other = decide(policy, { caller: { via: "guest", name: "bx" }, method: "execute", resource });
    expect(other.allowed).toBe(false);
  });

  test("of a guest names no guests", () => {
    const { text } = createFirstPolicy("guest", [entry("", "check", [], { role: "guest", peer: {} })]);
    expect(text).toContain('action = "allow"\ncommands = ["check"]\narguments = []\n');
  });
});

describe("policy init", () => {
  let directory: TemporaryDirectory;

  beforeEach(async () => {
    directory = await createTemporaryDirectory();
    await directory.write(
      "config.toml",
      `policyFile = "${directory.at("policy.toml")}"\naudit.file = "${directory.at("audit.jsonl")}"\n`,
    );
    const line = JSON.stringify({
      time: "2026-01-02T03:04:05Z",
      ...RAN,
      peer: { guest: "web1" },
      command: "check",
    });
    await directory.write("audit.jsonl", `${line}\n`);
  });

  afterEach(() => directory[Symbol.asyncDispose]());

  async function run(...words: string[]): Promise<Ended> {
    const env = { NEGOTIATOR_CONFIG: directory.at("config.toml") };
    await using launched = launch(["host", ...words], { env });
    return await launched.ended();
  }

  test("without a terminal prints the policy, and says how to write it", async () => {
    const { exitCode, stdout, stderr } = await run("policy", "init");
    expect(exitCode).toBe(0);
    expect(parsePolicy(stdout)).toMatchObject({ kind: "rules", rules: [{ action: "allow" }] });
    expect(stderr).toStartWith(
      "negotiator: Nothing was written. To write it: negotiator host policy init --yes\n",
    );
    expect(await readdir(directory.path)).toEqual(expect.not.arrayContaining(["policy.toml"]));
  });

  test("with --yes writes a file that check-config accepts, and replaces it only with --force", async () => {
    const first = await run("policy", "init", "--yes");
    expect((await run("policy", "init")).stderr).toContain("policy init --yes --force\n");
    expect(first.stderr).toBe("");
    expect(first.stdout).toContain(`Wrote ${directory.at("policy.toml")}\n`);
    expect((await run("check-config")).stdout).toContain(`policy: ${directory.at("policy.toml")} is right`);
    await directory.write("policy.toml", "# mine\n");
    const again = await run("policy", "init", "--yes");
    expect(again.exitCode).toBe(1);
    expect(again.stderr).toStartWith(
      `negotiator: Cannot write the policy "${directory.at("policy.toml")}": the file is there\nAdd --force`,
    );
    expect(await readFile(directory.at("policy.toml"), "utf8")).toBe("# mine\n");
    expect((await run("policy", "init", "--yes", "--force")).exitCode).toBe(0);
    expect(await readFile(directory.at("policy.toml"), "utf8")).toContain("[[rules]]");
    expect((await readdir(directory.path)).filter((name) => name.endsWith(".new"))).toEqual([]);
  });

  test("without calls in the audit, and for another action, says what to do", async () => {
    const none = await run("policy", "init", "--since", "2026-02-01");
    expect(none).toMatchObject({ exitCode: 1, stdout: "" });
    expect(none.stderr).toContain("Let the daemon run for some days first, or write the rules by hand");
    const other = await run("policy", "inti");
    expect(other.exitCode).toBe(2);
    expect(other.stderr).toContain('unknown action "inti"\nDid you mean "init"?');
  });
});
