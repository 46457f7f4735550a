/** Which commands there are, and which files are none. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, rm, symlink } from "node:fs/promises";
import { NegotiatorError } from "../../src/errors.ts";
import type { Builtin } from "../../src/methods/builtin/builtins.ts";
import { listCommands, resolveCommand } from "../../src/methods/commands.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const BUILTIN: Builtin = { name: "find-it", description: "finds it", run: () => "it\n" };
const UID = process.getuid?.() ?? 0;
const isOffered = (): boolean => true;

/** Two command directories, `first` and `second`, and one built-in. */
async function createCommands() {
  const directory = await createTemporaryDirectory();
  const directories = [directory.at("first"), directory.at("second")];
  for (const path of directories) await mkdir(path, { mode: 0o755 });
  const sources = { directories, builtins: [BUILTIN], uid: UID };
  return {
    at: (name: string): string => directory.at(name),
    sources,
    async add(name: string, text = "#!/bin/sh\n", mode = 0o755): Promise<string> {
      const path = await directory.write(name, text);
      await chmod(path, mode);
      return path;
    },
    async names(): Promise<string[]> {
      return (await listCommands(sources)).commands.map((command) => command.name);
    },
    async problems(): Promise<string[]> {
      return (await listCommands(sources)).problems.map(({ message }) => message);
    },
    async refusalOf(name: string) {
      const { code, message } = await rejectionOf(resolveCommand(name, sources, isOffered));
      return { code, message };
    },
    /** What the caller is told, and the whole of it, which stays here. */
    async accountsOf(name: string) {
      const { code, message, cause } = await rejectionOf(resolveCommand(name, sources, isOffered));
      return { code, told: message, whole: cause instanceof NegotiatorError ? cause.message : undefined };
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("lists executables of all directories and the built-ins, sorted, each name once", async () => {
  await using commands = await createCommands();
  await commands.add("second/uptime");
  await commands.add("first/two words");
  await commands.add("first/both");
  await commands.add("second/both");
  const list = await listCommands(commands.sources);
  expect(list).toEqual({
    commands: [
      { name: "both", kind: "user", path: commands.at("first/both") },
      { name: "find-it", kind: "builtin", description: "finds it", builtin: BUILTIN },
      { name: "two words", kind: "user", path: commands.at("first/two words") },
      { name: "uptime", kind: "user", path: commands.at("second/uptime") },
    ],
    problems: [],
  });
  for (const command of list.commands) {
    expect(await resolveCommand(command.name, commands.sources, isOffered)).toEqual(command);
  }
});

test("a missing directory has no commands, and is no problem", async () => {
  await using commands = await createCommands();
  await rm(commands.at("first"), { recursive: true });
  await commands.add("second/uptime");
  expect(await commands.names()).toEqual(["find-it", "uptime"]);
  expect(await commands.problems()).toEqual([]);
});

const LEFTOVERS = [
  "wipe~",
  "wipe.bak",
  "wipe.orig",
  "wipe.swp",
  "wipe.dpkg-old",
  "wipe.rpmsave",
  "wipe.rpmnew",
];

test("what is not executable, hidden, left behind, no file or a description is not listed", async () => {
  await using commands = await createCommands();
  for (const leftover of LEFTOVERS) await commands.add(`first/${leftover}`);
  await commands.add("first/README", "text", 0o644);
  await commands.add("first/.hidden");
  await commands.add("first/uptime.toml");
  await commands.add("first/bad\u001bname");
  await mkdir(commands.at("first/folder"));
  await symlink(commands.at("first/folder"), commands.at("first/link-to-folder"));
  expect(await commands.names()).toEqual(["find-it"]);
  expect(await commands.problems()).toEqual([]);
});

test("a user command hides the built-in of its name, even one that may not be run; a folder does not", async () => {
  await using commands = await createCommands();
  const folder = commands.at("first/find-it");
  await mkdir(folder);
  expect(await resolveCommand("find-it", commands.sources, isOffered)).toMatchObject({ kind: "builtin" });
  expect(await commands.names()).toEqual(["find-it"]);
  await rm(folder, { recursive: true });
  const path = await commands.add("second/find-it");
  expect(await resolveCommand("find-it", commands.sources, isOffered)).toMatchObject({ kind: "user", path });
  await chmod(path, 0o644);
  expect(await commands.names()).toEqual([]);
  expect(await commands.accountsOf("find-it")).toEqual({
    code: "NOT_EXECUTABLE",
    told: 'Cannot run "find-it": it has no executable bit',
    whole: `Cannot run "${path}": it has no executable bit\nSet it with: chmod 755 ${path}`,
  });
});

test("links to files count, links to nowhere are told", async () => {
  await using commands = await createCommands();
  await symlink("/bin/true", commands.at("first/good"));
  await symlink("nowhere", commands.at("first/bad"));
  expect(await commands.names()).toEqual(["find-it", "good"]);
  expect(await commands.problems()).toEqual([expect.stringContaining("it is a link that leads nowhere")]);
  expect(await commands.accountsOf("bad")).toEqual({
    code: "NOT_EXECUTABLE",
    told: 'Cannot run "bad": it is a link that leads nowhere',
    whole: expect.stringContaining(`readlink -f ${commands.at("first/bad")}`),
  });
});

test.each([0o775, 0o757, 0o777])("a file of mode %o may not be run", async (mode) => {
  await using commands = await createCommands();
  const path = await commands.add("first/open", "#!/bin/sh\n", mode);
  expect(await commands.names()).toEqual(["find-it"]);
  const message = `Cannot run "${path}": its group or everybody may write to it\nCorrect it with: chmod go-w ${path}`;
  expect(await commands.problems()).toEqual([message]);
  const told = 'Cannot run "open": it can be written by others';
  expect(await commands.accountsOf("open")).toEqual({ code: "NOT_EXECUTABLE", told, whole: message });
});

test("a directory that others may write to gives no commands", async () => {
  await using commands = await createCommands();
  await commands.add("first/uptime");
  await commands.add("second/uptime");
  await chmod(commands.at("first"), 0o1777);
  expect(await commands.names()).toEqual(["find-it"]);
  const message =
    `Cannot use commands in "${commands.at("first")}": its group or everybody may write to it\n` +
    `Correct it with: chmod go-w ${commands.at("first")}`;
  expect(await commands.problems()).toEqual([message]);
  expect(await commands.accountsOf("uptime")).toEqual({
    code: "NOT_EXECUTABLE",
    told: 'Cannot run "uptime": the directory it is in can be written by others',
    whole: message,
  });
  expect(await resolveCommand("find-it", commands.sources, isOffered)).toMatchObject({ kind: "builtin" });
});

test.if(UID === 0)("only root and our own user may own files and directories", async () => {
  await using commands = await createCommands();
  const path = await commands.add("first/foreign");
  await chown(path, 65534, 65534);
  expect(await commands.accountsOf("foreign")).toEqual({
    code: "NOT_EXECUTABLE",
    told: 'Cannot run "foreign": it does not belong to root',
    whole: `Cannot run "${path}": it belongs to user 65534, not to root\nCorrect it with: chown root: ${path}`,
  });
  const asThatUser = { ...commands.sources, uid: 65534 };
  expect(await resolveCommand("foreign", asThatUser, isOffered)).toMatchObject({ kind: "user" });
  await chown(commands.at("first"), 1, 1);
  expect(await rejectionOf(resolveCommand("foreign", asThatUser, isOffered))).toMatchObject({
    code: "NOT_EXECUTABLE",
  });
});

test.each([
  "",
  ".",
  "..",
  "../bin/sh",
  "/bin/sh",
  "first/uptime",
  ".hidden",
  "uptime.toml",
  ...LEFTOVERS,
  "a\nb",
  "a\0b",
  "x".repeat(256),
])("no command can be named %j", async (name) => {
  await using commands = await createCommands();
  await commands.add("first/.hidden");
  await commands.add("first/uptime.toml");
  for (const leftover of LEFTOVERS) await commands.add(`first/${leftover}`);
  const { code, message } = await commands.refusalOf(name);
  expect(code).toBe("NO_COMMAND");
  expect(message.length).toBeLessThan(250);
  expect(message.split("\n")).toHaveLength(2);
  // oxlint-disable-next-line no-control-regex -- the remedy's line feed is the only control character
  expect(message).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
});

test("no name leads out of the directory or below it", async () => {
  await using commands = await createCommands();
  await commands.add("outside");
  await commands.add("first/below/inner");
  for (const name of ["../outside", "below/inner", "../first/below/inner", commands.at("outside")]) {
    expect((await commands.refusalOf(name)).code).toBe("NO_COMMAND");
  }
});

test("an unknown name is answered with the nearest ones", async () => {
  await using commands = await createCommands();
  await commands.add("first/uptime");
  expect(await commands.refusalOf("uptmie")).toEqual({
    code: "NO_COMMAND",
    message: 'Cannot run "uptmie": there is no such command\nDid you mean "uptime"?',
  });
  expect((await commands.refusalOf("reboot")).message).toBe(
    'Cannot run "reboot": there is no such command\nlist-commands shows what there is',
  );
});

test("what is not offered to the caller is no guess, however near it is", async () => {
  await using commands = await createCommands();
  for (const name of ["wipe-disk", "wipe-disc"]) await commands.add(`first/${name}`);
  const guessesFor = async (offered: readonly string[]) =>
    (await rejectionOf(resolveCommand("wipe-dist", commands.sources, (name) => offered.includes(name))))
      .message;
  const missing = 'Cannot run "wipe-dist": there is no such command\n';
  expect(await guessesFor([])).toBe(`${missing}list-commands shows what there is`);
  expect(await guessesFor(["wipe-disc"])).toBe(`${missing}Did you mean "wipe-disc"?`);
});

test("a comment in the script describes it", async () => {
  await using commands = await createCommands();
  await commands.add("first/a", "#!/bin/sh\n# Copyright\n#  negotiator:  Shows \u001b[31mit \r\necho\n");
  await commands.add("first/b", "# negotiator: no script\n");
  await commands.add("first/c", `#!/bin/sh\n${"#".repeat(5000)}\n# negotiator: too late\n`);
  const { commands: list } = await listCommands(commands.sources);
  const descriptions = list.map((command) => [command.name, command.description]);
  expect(descriptions.slice(0, 3)).toEqual([
    ["a", "Shows \\x1b[31mit"],
    ["b", undefined],
    ["c", undefined],
  ]);
});

test("NAME.toml describes it, before the comment", async () => {
  await using commands = await createCommands();
  const path = await commands.add("first/backup", "#!/bin/sh\n# negotiator: old\n");
  await commands.add(
    "first/backup.toml",
    'description = "new"\ntimeoutSeconds = 1.5\nuser = "backup"\nstdin = true\n',
    0o644,
  );
  expect(await resolveCommand("backup", commands.sources, isOffered)).toEqual({
    name: "backup",
    kind: "user",
    path,
    description: "new",
    timeoutSeconds: 1.5,
    user: "backup",
    stdin: true,
  });
  await commands.add("first/backup.toml", "stdin = false\n", 0o644);
  expect(await resolveCommand("backup", commands.sources, isOffered)).toMatchObject({
    description: "old",
    stdin: false,
  });
});

test.each([
  ["timeoutSecond = 3", "timeoutSecond: unknown key; allowed here: description, timeoutSeconds, user, stdin"],
  ["timeoutSeconds = '3'", "timeoutSeconds: "],
  ["timeoutSeconds = 0", "timeoutSeconds: "],
  ["timeoutSeconds = inf", "timeoutSeconds: "],
  ["stdin = 1\nuser = 5", "user: "],
  ["user = '../root'", "user: not a user's name"],
  ["[description]", "description: "],
  ["= broken", "Expected a key"],
])("a NAME.toml that says %j makes the command unusable, and says why", async (text, says) => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  const path = await commands.add("first/backup.toml", text, 0o644);
  const { code, told, whole = "" } = await commands.accountsOf("backup");
  expect(code).toBe("BAD_CONFIG");
  expect(told).toBe('Cannot run "backup": its description cannot be used');
  expect(whole).toStartWith(`Cannot use ${path}:`);
  expect(whole).toContain(says);
  expect(await commands.names()).toEqual(["find-it"]);
  expect(await commands.problems()).toEqual([whole]);
});

test("a NAME.toml of any size is not read", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  await commands.add("first/backup.toml", `# ${"x".repeat(70_000)}`, 0o644);
  expect((await commands.accountsOf("backup")).whole).toEndWith("it has more than 65536 bytes");
});

test("a NAME.toml that others may write to makes the command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  await commands.add("first/backup.toml", "", 0o666);
  expect(await commands.refusalOf("backup")).toMatchObject({ code: "BAD_CONFIG" });
});

test("a command that is a link to where others may put something is refused", async () => {
  await using commands = await createCommands();
  const tool = await commands.add("home/tool");
  await symlink(tool, commands.at("first/tool"));
  expect(await commands.names()).toEqual(["find-it", "tool"]);
  await chmod(commands.at("home"), 0o777);
  const whole =
    `Cannot run "${commands.at("first/tool")}": everybody may write to "${commands.at("home")}"\n` +
    `Correct it with: chmod o-w ${commands.at("home")}`;
  expect(await commands.problems()).toEqual([whole]);
  expect(await commands.names()).toEqual(["find-it"]);
  const told = 'Cannot run "tool": it can be replaced by others';
  expect(await commands.accountsOf("tool")).toEqual({ code: "NOT_EXECUTABLE", told, whole });
});

test("a NAME.toml that is a link to where others may put something makes the command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  const path = await commands.add("home/its.toml", "stdin = false\n", 0o644);
  await symlink(path, commands.at("first/backup.toml"));
  expect(await commands.names()).toEqual(["backup", "find-it"]);
  await chmod(commands.at("home"), 0o777);
  expect(await commands.refusalOf("backup")).toMatchObject({ code: "BAD_CONFIG" });
});

test("a directory of commands that others could exchange gives none, be it a link or not", async () => {
  await using commands = await createCommands();
  await commands.add("app/commands/uptime");
  await chmod(commands.at("app/commands"), 0o755);
  await rm(commands.at("first"), { recursive: true });
  await symlink(commands.at("app/commands"), commands.at("first"));
  const direct = { ...commands.sources, directories: [commands.at("app/commands")] };
  expect(await commands.names()).toEqual(["find-it", "uptime"]);
  await chmod(commands.at("app"), 0o777);
  expect(await commands.names()).toEqual(["find-it"]);
  expect(await commands.problems()).toEqual([
    `Cannot use commands in "${commands.at("first")}": everybody may write to "${commands.at("app")}"\n` +
      `Correct it with: chmod o-w ${commands.at("app")}`,
  ]);
  expect((await commands.accountsOf("uptime")).told).toBe(
    'Cannot run "uptime": the directory it is in can be replaced by others',
  );
  expect((await listCommands(direct)).commands.map(({ name }) => name)).toEqual(["find-it"]);
});
