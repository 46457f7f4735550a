/** Counts of calls by command: known names have more room than any names. */
import { expect, test } from "bun:test";
import { CommandCounts } from "../../src/audit/command-counts.ts";

const ANY = 64;
const KNOWN = 128;

/** The number of names, and the calls of further ones. */
function sizes(counts: CommandCounts): [names: number, others: number | undefined] {
  const { commands = {}, otherCommands } = counts.members();
  return [Object.keys(commands).length, otherCommands];
}

test("calls are counted by name, one at a time or several, and none without a command", () => {
  const counts = new CommandCounts();
  expect(counts.members()).toEqual({});
  counts.add(undefined);
  counts.add("id");
  counts.add("id", 3);
  counts.add("ls");
  expect(counts.members()).toEqual({ commands: { id: 4, ls: 1 } });
});

test("a name beyond 64 is counted with the others, and a name that is there goes on", () => {
  const counts = new CommandCounts();
  for (let name = 0; name < ANY; name++) counts.add(`c${name}`);
  expect(sizes(counts)).toEqual([ANY, undefined]);
  counts.add("more", 2);
  counts.add("c0", 5);
  expect(sizes(counts)).toEqual([ANY, 2]);
  expect(counts.members().commands).toMatchObject({ c0: 6, c63: 1 });
});

test("known names have 128 places behind any number of other names", () => {
  const counts = new CommandCounts();
  for (let name = 0; name < ANY + 3; name++) counts.add(`c${name}`);
  for (let name = 0; name < KNOWN + 2; name++) counts.add(`k${name}`, 1, true);
  expect(sizes(counts)).toEqual([ANY + KNOWN, 5]);
});

test("known names take no place of the others", () => {
  const counts = new CommandCounts();
  for (let name = 0; name < KNOWN; name++) counts.add(`k${name}`, 1, true);
  for (let name = 0; name < ANY; name++) counts.add(`c${name}`);
  expect(sizes(counts)).toEqual([KNOWN + ANY, undefined]);
});

test("a name that was counted before it was known stays one of the others", () => {
  const counts = new CommandCounts();
  counts.add("id");
  counts.add("id", 1, true);
  for (let name = 1; name < ANY; name++) counts.add(`c${name}`);
  counts.add("more");
  expect(sizes(counts)).toEqual([ANY, 1]);
});

test("counts are added with their others, and known names stay known", () => {
  const known = new CommandCounts();
  for (let name = 0; name < KNOWN; name++) known.add(`k${name}`, 2, true);
  known.add("k-more", 4, true);
  const counts = new CommandCounts();
  for (let name = 0; name < ANY; name++) counts.add(`c${name}`);
  counts.addAll(known);
  counts.addAll(CommandCounts.of({ otherCommands: 3 }));
  expect(sizes(counts)).toEqual([ANY + KNOWN, 7]);
  expect(counts.members().commands).toMatchObject({ k0: 2, k127: 2 });
});

test("the members of a line give the counts again", () => {
  const members = { commands: { id: 2, ls: 1 }, otherCommands: 4 };
  expect(CommandCounts.of(members).members()).toEqual(members);
  expect(CommandCounts.of({}).members()).toEqual({});
});

test("long names are cut, and equal beginnings are counted together", () => {
  const counts = new CommandCounts();
  counts.add(`${"x".repeat(70)}1`);
  counts.add(`${"x".repeat(70)}2`);
  expect(counts.members()).toEqual({ commands: { [`${"x".repeat(61)}…`]: 2 } });
});
