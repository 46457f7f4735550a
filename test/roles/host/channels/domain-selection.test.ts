/** The domains that the words of `add-channel` name. */
import { describe, expect, test } from "bun:test";
import {
  findSelected,
  noneSelected,
  readSelection,
} from "../../../../src/roles/host/channels/domain-selection.ts";
import type { Selection } from "../../../../src/roles/host/channels/domain-selection.ts";
import { answer, complaint, domainXml, fakeVirsh, UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";
import { errorOf } from "../../../support/error-of.ts";

const { signal } = new AbortController();

function read(positionals: readonly string[], options: Record<string, readonly string[]> = {}): Selection {
  return readSelection({ options: new Map(Object.entries(options)), positionals }, "HELP");
}

describe("the words", () => {
  test("name guests once each, or patterns, or all", () => {
    expect(read(["a", "b", "a"])).toEqual({ guests: ["a", "b"], patterns: [], isAll: false });
    expect(read([], { pattern: ["w*", "x"] })).toEqual({ guests: [], patterns: ["w*", "x"], isAll: false });
    expect(read([], { all: [""] })).toEqual({ guests: [], patterns: [], isAll: true });
  });

  test.each<[readonly string[], Record<string, readonly string[]>, string]>([
    [[], {}, "missing GUEST"],
    [["a"], { all: [""] }, "GUEST, --pattern and --all exclude each other"],
    [["a"], { pattern: ["w*"] }, "GUEST, --pattern and --all exclude each other"],
    [[], { pattern: ["w*"], all: [""] }, "GUEST, --pattern and --all exclude each other"],
  ])("the guests %j with %j are wrong usage: %s", (guests, options, problem) => {
    const { code, message } = errorOf(() => read(guests, options));
    expect([code, message.split("\n")[0], message.split("\n")[2]]).toEqual([
      "BAD_USAGE",
      problem,
      "Read the help: HELP",
    ]);
  });
});

describe("the domains", () => {
  test("without names, all domains are looked at, and virsh is not asked", async () => {
    const { runText, calls } = fakeVirsh({});
    const selection = { guests: [], patterns: ["w*"], isAll: false };
    expect(await findSelected(selection, UUIDS, { runText }, signal)).toEqual({
      uuids: [...UUIDS],
      missing: [],
    });
    expect(calls).toEqual([]);
  });

  test("a name and a UUID of one domain find it once, and other names are missing", async () => {
    const web = answer(domainXml("web1", UUIDS[0]));
    const { runText } = fakeVirsh({
      "dumpxml -- web1": web,
      [`dumpxml -- ${UUIDS[0]}`]: web,
      "dumpxml -- db1": answer(domainXml("db1", UUIDS[1])),
      "dumpxml -- gone": complaint("failed to get domain 'gone'"),
      // virsh takes a number for a domain's id.
      "dumpxml -- 1": web,
    });
    const selection = { guests: ["web1", "gone", UUIDS[0], "db1", "1"], patterns: [], isAll: false };
    expect(await findSelected(selection, [], { runText }, signal)).toEqual({
      uuids: [UUIDS[0], UUIDS[1]],
      missing: ["gone", "1"],
    });
  });
});

test.each([
  [[], "This libvirt has no domain"],
  [["w*"], 'No domain\'s name fits "w*"'],
  [["w*", "\u001b"], 'No domain\'s name fits "w*", "\\x1b"'],
])("a selection of no domain with the patterns %j says: %s", (patterns, problem) => {
  const { code, message } = noneSelected({ guests: [], patterns, isAll: patterns.length === 0 }, undefined);
  expect([code, message.split("\n")[0]]).toEqual(["NO_GUEST", problem]);
});
