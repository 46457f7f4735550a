/** The words that could stand at the end of a command line. */
import { describe, expect, test } from "bun:test";
import { findCandidates } from "../../../../src/roles/cli/manual/candidates.ts";
import type { AskNames } from "../../../../src/roles/cli/manual/candidates.ts";
import { GUEST } from "../../../../src/roles/guest/cli.ts";
import { HOST } from "../../../../src/roles/host/cli.ts";

/** Answers with one name that says what was asked. */
const ask: AskNames = async (kind, { role, guest, control }) => [
  { word: [kind, role, guest, control].filter((part) => part !== undefined).join(":") },
];

async function wordsFor(line: readonly string[], role?: typeof HOST): Promise<string[]> {
  const { candidates, more } = await findCandidates(line, [HOST, GUEST], ask, role);
  return [...candidates.map(({ word }) => word), ...(more === undefined ? [] : [`(${more})`])];
}

describe("candidates", () => {
  test.each<[line: string[], words: string[]]>([
    [["h"], ["host", "help"]],
    [["--v"], ["--version"]],
    [
      ["host", "check-"],
      ["check-policy", "check-commands", "check-config"],
    ],
    [["host", "execute", ""], ["guest:host"]],
    [["host", "execute", "web1", ""], ["command:host:web1"]],
    [["host", "execute", "-t", "5", "web1", ""], ["command:host:web1"]],
    [["host", "execute", "-nt", "5", "web1", ""], ["command:host:web1"]],
    [["host", "execute", "-nt5", "web1", ""], ["command:host:web1"]],
    [["host", "execute", "--control=/x", "web1", ""], ["command:host:web1:/x"]],
    [["host", "execute", "--control", "/x", "web1", ""], ["command:host:web1:/x"]],
    [["host", "execute", "web1", "list", ""], ["(files)"]],
    [["host", "execute", "web1", "list", "--"], ["(files)"]],
    [["host", "execute", "--no-s"], ["--no-stdin"]],
    [["host", "execute", "--", "-"], []],
    [["host", "execute", "-t", ""], []],
    [["guest", "execute", ""], ["command:guest"]],
    [["guest", "check-policy", ""], ["own-command:guest"]],
    [["host", "check-policy", "--user", ""], ["user:host"]],
    [["host", "check-policy", "--user=u"], ["--user=user:host"]],
    [["host", "check-policy", "--user=x"], []],
    [
      ["host", "status", "--log-format", ""],
      ["text", "json"],
    ],
    [["host", "status", "--log-format=j"], ["--log-format=json"]],
    [["host", "status", "--config", ""], ["(files)"]],
    [["host", "status", "web1", ""], []],
    [["host", "wait", "one", "two", ""], ["call:host"]],
    [
      ["host", "signal", "one", "US"],
      ["USR1", "USR2"],
    ],
    [
      ["help", "host", "li"],
      ["list-guests", "list-commands"],
    ],
    [
      ["host", "help", "li"],
      ["list-guests", "list-commands"],
    ],
    [["help", "relo"], ["reload"]],
    [["man", ""], ["page:host"]],
    [["completion", ""], ["shell:host"]],
    [["completion", "bash", ""], []],
    [["host", "constructor", ""], []],
    [["no-such-word", ""], []],
    [["host", "--list-g"], ["--list-guests"]],
    [["host", "-e", "x", ""], ["guest:host"]],
  ])("%j gives %j", async (line, words) => {
    expect(await wordsFor(line)).toEqual(words);
  });

  test("a program with the name of a role has its subcommands first", async () => {
    expect(await wordsFor(["relo"], GUEST)).toEqual(["reload"]);
    expect(await wordsFor(["execute", ""], GUEST)).toEqual(["command:guest"]);
  });
});
