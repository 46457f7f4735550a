/** Commands: which files and built-ins can be called, and the errors of the others. */
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
    async errorOf(name: string) {
      const { code, message } = await rejectionOf(resolveCommand(name, sources, isOffered));
      return { code, message };
    },
    /** The public message, and the full one, which stays on this machine. */
    async messagesOf(name: string) {
      const { code, message, cause } = await rejectionOf(resolveCommand(name, sources, isOffered));
      return {
        code,
        publicMessage: message,
        fullMessage: cause instanceof NegotiatorError ? cause.message : undefined,
      };
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("executables of all directories and the built-ins are listed, sorted, each name once", async () => {
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
    refusedNames: [],
  });
  for (const command of list.commands) {
    expect(await resolveCommand(command.name, commands.sources, isOffered)).toEqual(command);
  }
});

test("a missing directory has no commands and is not a problem", async () => {
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

test("hidden files, leftovers, directories and files without executable bit are not listed", async () => {
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

test("a file hides the built-in of its name, also if it must not be run; a directory does not", async () => {
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
  expect(await commands.messagesOf("find-it")).toEqual({
    code: "NOT_EXECUTABLE",
    publicMessage: 'Cannot run "find-it": it has no executable bit',
    fullMessage: `Cannot run "${path}": it has no executable bit\nSet it with: chmod 755 ${path}`,
  });
});

test("a link to a file is a command; a link to nowhere is a problem and gets NOT_EXECUTABLE", async () => {
  await using commands = await createCommands();
  await symlink("/bin/true", commands.at("first/good"));
  await symlink("nowhere", commands.at("first/bad"));
  expect(await commands.names()).toEqual(["find-it", "good"]);
  expect(await commands.problems()).toEqual([expect.stringContaining("it is a link that leads nowhere")]);
  expect(await commands.messagesOf("bad")).toEqual({
    code: "NOT_EXECUTABLE",
    publicMessage: 'Cannot run "bad": it is a link that leads nowhere',
    fullMessage: expect.stringContaining(`readlink -f ${commands.at("first/bad")}`),
  });
});

test.each([0o775, 0o757, 0o777])(
  "a file of mode %o gets NOT_EXECUTABLE: others can write to it",
  async (mode) => {
    await using commands = await createCommands();
    const path = await commands.add("first/open", "#!/bin/sh\n", mode);
    expect(await commands.names()).toEqual(["find-it"]);
    const message =
      `Cannot run "${path}": its group or everybody may write to it\n` +
      `Correct it with: chmod go-w ${path}`;
    expect(await commands.problems()).toEqual([message]);
    const publicMessage = 'Cannot run "open": it can be written by others';
    expect(await commands.messagesOf("open")).toEqual({
      code: "NOT_EXECUTABLE",
      publicMessage,
      fullMessage: message,
    });
  },
);

test("commands in a directory that others may write to get NOT_EXECUTABLE", async () => {
  await using commands = await createCommands();
  await commands.add("first/uptime");
  await commands.add("second/uptime");
  await chmod(commands.at("first"), 0o1777);
  expect(await commands.names()).toEqual(["find-it"]);
  const message =
    `Cannot use commands in "${commands.at("first")}": its group or everybody may write to it\n` +
    `Correct it with: chmod go-w ${commands.at("first")}`;
  expect(await commands.problems()).toEqual([message]);
  expect(await commands.messagesOf("uptime")).toEqual({
    code: "NOT_EXECUTABLE",
    publicMessage: 'Cannot run "uptime": the directory it is in can be written by others',
    fullMessage: message,
  });
  expect(await resolveCommand("find-it", commands.sources, isOffered)).toMatchObject({ kind: "builtin" });
});

test.if(UID === 0)("files and directories of another user get NOT_EXECUTABLE (needs root)", async () => {
  await using commands = await createCommands();
  const path = await commands.add("first/foreign");
  await chown(path, 65534, 65534);
  expect(await commands.messagesOf("foreign")).toEqual({
    code: "NOT_EXECUTABLE",
    publicMessage: 'Cannot run "foreign": it does not belong to root',
    fullMessage:
      `Cannot run "${path}": it belongs to user 65534, not to root\n` +
      `Correct it with: chown root: ${path}`,
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
])("the name %j gets NO_COMMAND with a short message", async (name) => {
  await using commands = await createCommands();
  await commands.add("first/.hidden");
  await commands.add("first/uptime.toml");
  for (const leftover of LEFTOVERS) await commands.add(`first/${leftover}`);
  const { code, message } = await commands.errorOf(name);
  expect(code).toBe("NO_COMMAND");
  expect(message.length).toBeLessThan(250);
  expect(message.split("\n")).toHaveLength(1);
  // oxlint-disable-next-line no-control-regex -- none may be there
  expect(message).not.toMatch(/[\u0000-\u001f]/);
});

test("a name with a slash gets NO_COMMAND", async () => {
  await using commands = await createCommands();
  await commands.add("outside");
  await commands.add("first/below/inner");
  for (const name of ["../outside", "below/inner", "../first/below/inner", commands.at("outside")]) {
    expect((await commands.errorOf(name)).code).toBe("NO_COMMAND");
  }
});

test("an unknown name gets NO_COMMAND with similar names", async () => {
  await using commands = await createCommands();
  await commands.add("first/uptime");
  expect(await commands.errorOf("uptmie")).toEqual({
    code: "NO_COMMAND",
    message: 'Cannot run "uptmie": it is not a command of negotiator\nDid you mean "uptime"?',
  });
  expect((await commands.errorOf("reboot")).message).toBe(
    'Cannot run "reboot": it is not a command of negotiator',
  );
});

test("similar names that are not offered to the caller are not suggested", async () => {
  await using commands = await createCommands();
  for (const name of ["wipe-disk", "wipe-disc"]) await commands.add(`first/${name}`);
  const guessesFor = async (offered: readonly string[]) =>
    (await rejectionOf(resolveCommand("wipe-dist", commands.sources, (name) => offered.includes(name))))
      .message;
  const missing = 'Cannot run "wipe-dist": it is not a command of negotiator';
  expect(await guessesFor([])).toBe(missing);
  expect(await guessesFor(["wipe-disc"])).toBe(`${missing}\nDid you mean "wipe-disc"?`);
});

test("the description comes from a comment in the first bytes of a script", async () => {
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

test("the description in NAME.toml comes before the comment in the script", async () => {
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
  const { commands: list } = await listCommands(commands.sources);
  expect(list[0]).toMatchObject({ name: "backup", description: "old", stdin: false });
});

test.each([
  ["timeoutSecond = 3", "line 1: timeoutSecond: unknown key; did you mean timeoutSeconds?"],
  ["timeoutSeconds = '3'", "line 1: timeoutSeconds must be "],
  ["timeoutSeconds = 0", "line 1: timeoutSeconds must be "],
  ["timeoutSeconds = inf", "line 1: timeoutSeconds must be "],
  ["stdin = 1\nuser = 5", "line 2: user must be "],
  ["user = '../root'", "user: not a user's name"],
  ["[description]", "description must be "],
  ["= broken", "line 1, column 1: a key is missing"],
])("a NAME.toml with %j makes its command unusable: BAD_CONFIG", async (text, says) => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  const path = await commands.add("first/backup.toml", text, 0o644);
  const { code, publicMessage, fullMessage = "" } = await commands.messagesOf("backup");
  expect(code).toBe("BAD_CONFIG");
  expect(publicMessage).toBe('Cannot run "backup": its file backup.toml has a mistake');
  expect(fullMessage).toStartWith(`Cannot use ${path}:`);
  expect(fullMessage).toContain(says);
  expect(await commands.names()).toEqual(["find-it"]);
  expect(await commands.problems()).toEqual([fullMessage]);
});

test("a NAME.toml that is not UTF-8 makes its command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  const path = await commands.add("first/backup.toml", "", 0o644);
  await Bun.write(path, Buffer.from('description = "J\u00f6rg"', "latin1"));
  const { code, fullMessage = "" } = await commands.messagesOf("backup");
  expect(code).toBe("BAD_CONFIG");
  expect(fullMessage).toStartWith(`Cannot use the file "${path}": it is not UTF-8 text`);
});

test("a NAME.toml of more than 64 KiB makes its command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  await commands.add("first/backup.toml", `# ${"x".repeat(70_000)}`, 0o644);
  expect((await commands.messagesOf("backup")).fullMessage).toContain(": it has more than 65536 bytes\n");
});

test("a NAME.toml that others may write to makes its command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  await commands.add("first/backup.toml", "", 0o666);
  expect(await commands.errorOf("backup")).toMatchObject({ code: "BAD_CONFIG" });
});

test.each([
  ["nowhere", "absent.toml"],
  ["to itself", "backup.toml"],
  ["through a file", "backup/its.toml"],
])("a NAME.toml that is a link %s makes its command unusable", async (_, target) => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  await symlink(target, commands.at("first/backup.toml"));
  expect(await commands.messagesOf("backup")).toMatchObject({
    code: "BAD_CONFIG",
    fullMessage: expect.stringContaining("it is a link that does not lead to a file"),
  });
  expect(await commands.names()).toEqual(["find-it"]);
});

test("a link to a file in a directory that others may write to gets NOT_EXECUTABLE", async () => {
  await using commands = await createCommands();
  const tool = await commands.add("home/tool");
  await symlink(tool, commands.at("first/tool"));
  expect(await commands.names()).toEqual(["find-it", "tool"]);
  await chmod(commands.at("home"), 0o777);
  const fullMessage =
    `Cannot run "${commands.at("first/tool")}": everybody may write to "${commands.at("home")}"\n` +
    `Correct it with: chmod o-w ${commands.at("home")}`;
  expect(await commands.problems()).toEqual([fullMessage]);
  expect(await commands.names()).toEqual(["find-it"]);
  const publicMessage = 'Cannot run "tool": it can be replaced by others';
  expect(await commands.messagesOf("tool")).toEqual({ code: "NOT_EXECUTABLE", publicMessage, fullMessage });
});

test("a NAME.toml that links into a directory of others makes its command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("first/backup");
  const path = await commands.add("home/its.toml", "stdin = false\n", 0o644);
  await symlink(path, commands.at("first/backup.toml"));
  expect(await commands.names()).toEqual(["backup", "find-it"]);
  await chmod(commands.at("home"), 0o777);
  expect(await commands.errorOf("backup")).toMatchObject({ code: "BAD_CONFIG" });
});

test("commands in a directory that others can replace get NOT_EXECUTABLE, also through a link", async () => {
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
  expect((await commands.messagesOf("uptime")).publicMessage).toBe(
    'Cannot run "uptime": the directory it is in can be replaced by others',
  );
  expect((await listCommands(direct)).commands.map(({ name }) => name)).toEqual(["find-it"]);
});
