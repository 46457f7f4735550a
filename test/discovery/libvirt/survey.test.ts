/** The question to libvirt where a search looked that found no guest. */
import { expect, test } from "bun:test";
import { surveyLibvirt } from "../../../src/discovery/libvirt/survey.ts";
import type { RunText } from "../../../src/process/run-text.ts";
import { answer, complaint, domainXml } from "./fake-libvirt.ts";

const uuidOf = (number: number): string => `64800e11-3e0a-4844-b181-5e5b9a9fed4${number}`;

/** Fakes a libvirt with `count` domains, `guest0` and so on. `ended`: one that ends before its dump. */
function fakeLibvirt(count: number, { uri = "qemu:///system\n\n", ended = -1 } = {}) {
  const dumped: string[] = [];
  const uuids = Array.from({ length: count }, (_, number) => uuidOf(number));
  const runText: RunText = async (argv) => {
    if (argv.includes("uri")) return answer(uri);
    if (argv.includes("list")) return answer(`${uuids.join("\n")}\n\n`);
    const uuid = argv.at(-1) ?? "";
    dumped.push(uuid);
    const number = uuids.indexOf(uuid);
    if (number === ended) return complaint(`failed to get domain '${uuid}'`);
    return answer(domainXml(`guest${number}`, uuid));
  };
  return { runText, dumped };
}

const signal = new AbortController().signal;

test("a survey has the URI without its line end, and the names of the running domains", async () => {
  const { runText } = fakeLibvirt(2);
  expect(await surveyLibvirt({ runText }, signal)).toEqual({
    uri: "qemu:///system",
    running: ["guest0", "guest1"],
  });
});

test("a survey of seven domains reads and names five of them", async () => {
  const { runText, dumped } = fakeLibvirt(7);
  const { running } = await surveyLibvirt({ runText }, signal);
  expect(running).toEqual(["guest0", "guest1", "guest2", "guest3", "guest4"]);
  expect(dumped).toHaveLength(5);
});

test("a survey leaves out a domain that ends before it is read", async () => {
  const { runText } = fakeLibvirt(3, { ended: 1 });
  expect((await surveyLibvirt({ runText }, signal)).running).toEqual(["guest0", "guest2"]);
});
