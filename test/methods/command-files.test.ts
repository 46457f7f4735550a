/** A judged directory has each file that can be a command, with its description or why it must not be run. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, stat, symlink, writeFile } from "node:fs/promises";
import { judgeDirectory, judgeSearchPath } from "../../src/methods/command-files.ts";
import type { CommandDirectory, DirectoryQuestion } from "../../src/methods/command-files.ts";
import { arePinsCurrent } from "../../src/methods/pin.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../support/temporary-directory.ts";

const UID = process.getuid?.() ?? 0;
const LOOKS = { groupOf: () => ({ uids: [UID] }), onlyLocal: false };
const RUNS = "#!/bin/sh\n";

type Room = TemporaryDirectory & {
  /** Writes an executable file. */
  add(name: string, text?: string, mode?: number): Promise<string>;
  judge(more?: Partial<DirectoryQuestion>): CommandDirectory;
};

async function createRoom(): Promise<Room> {
  const directory = await createTemporaryDirectory();
  await mkdir(directory.at("commands"), { mode: 0o755 });
  return {
    ...directory,
    async add(name, text = RUNS, mode = 0o755) {
      const path = await directory.write(`commands/${name}`, text);
      await chmod(path, mode);
      return path;
    },
    judge: (more = {}) =>
      judgeDirectory({ directory: directory.at("commands"), uid: UID, moreNames: [], ...more }, LOOKS),
  };
}

function namesOf({ files }: CommandDirectory): string[] {
  return files.map(({ name }) => name);
}

/** Returns name, kind and reason of each file. */
function refusalsOf({ files }: CommandDirectory) {
  return files.map((file) => [file.name, file.kind, file.kind === "usable" ? "" : file.refusal.reason]);
}

describe("a directory of commands", () => {
  test("has its commands in the order of their names, each with the identity of its file", async () => {
    await using room = await createRoom();
    for (const name of ["zip", "a b", "list.sh"]) await room.add(name);
    const judged = room.judge();
    const facts = await stat(room.at("commands", "zip"), { bigint: false });
    expect(namesOf(judged)).toEqual(["a b", "list.sh", "zip"]);
    expect({ ...judged.files[2], pins: [] }).toEqual({
      name: "zip",
      path: room.at("commands", "zip"),
      kind: "usable",
      script: `${facts.dev}:${facts.ino}:${facts.birthtimeMs}`,
      description: {},
      pins: [],
    });
    expect({ ...judged, files: [], pins: [] }).toEqual({
      directory: room.at("commands"),
      files: [],
      elsewhere: [],
      refusedNames: [],
      problems: [],
      pins: [],
    });
  });

  test("that is missing has nothing, and rests on the place where it would be", async () => {
    await using room = await createRoom();
    const directory = room.at("nowhere");
    const { pins, ...rest } = room.judge({ directory });
    expect(rest).toEqual({ directory, files: [], elsewhere: [], refusedNames: [], problems: [] });
    expect(pins.find(({ path }) => path.endsWith("/nowhere"))).toMatchObject({ status: null });
    expect(arePinsCurrent(pins)).toBe(true);
    await mkdir(directory);
    expect(arePinsCurrent(pins)).toBe(false);
  });

  test("that others may write has a problem, and so has each of its commands", async () => {
    await using room = await createRoom();
    await room.add("zip");
    await chmod(room.at("commands"), 0o777);
    const judged = room.judge();
    expect(refusalsOf(judged)).toEqual([
      ["zip", "unsafe", "the directory it is in can be written by others"],
    ]);
    expect(judged.problems).toEqual([
      `Cannot use commands in "${room.at("commands")}": its group or everybody may write to it\n` +
        `Correct it with: chmod go-w ${room.at("commands")}`,
    ]);
    expect(judged.files[0]).toMatchObject({ refusal: { code: "NOT_EXECUTABLE", full: judged.problems[0] } });
  });

  test("that others may write and that is empty has no problem", async () => {
    await using room = await createRoom();
    await chmod(room.at("commands"), 0o777);
    expect(room.judge()).toMatchObject({ files: [], problems: [] });
  });

  test("is judged for the asked names only", async () => {
    await using room = await createRoom();
    for (const name of ["one", "two", "bad.name.sh"]) await room.add(name);
    const judged = room.judge({ names: ["two", "missing"] });
    expect(refusalsOf(judged)).toEqual([["two", "usable", ""]]);
    expect(judged.refusedNames).toEqual([]);
  });

  test("rests on its entries, and each command on its own file", async () => {
    await using room = await createRoom();
    await room.add("one");
    await room.add("two");
    const judged = room.judge();
    const [one, two] = judged.files;
    expect(arePinsCurrent([...judged.pins, ...(one?.pins ?? []), ...(two?.pins ?? [])])).toBe(true);
    await room.add("one", "#!/bin/sh\ntrue\n");
    expect(arePinsCurrent(one?.pins ?? [])).toBe(false);
    expect(arePinsCurrent(two?.pins ?? [])).toBe(true);
    await room.add("three");
    expect(arePinsCurrent(judged.pins)).toBe(false);
  });
});

test("a link out of a local directory is not judged, unless it is asked for by its name", async () => {
  await using room = await createRoom();
  await room.add("here");
  // The file system of processes does not answer for every file at once.
  await symlink("/proc/version", room.at("commands", "there"));
  const judged = room.judge();
  expect([namesOf(judged), judged.elsewhere]).toEqual([["here"], ["there"]]);
  const asked = room.judge({ names: ["there"] });
  expect([namesOf(asked), asked.elsewhere]).toEqual([["there"], []]);
});

describe("the names of files", () => {
  test("that a command cannot have are listed for executable files and links, in their order", async () => {
    await using room = await createRoom();
    await room.add("z~");
    await room.add("b.tar.gz");
    await room.add("notes.txt", "text", 0o644);
    await room.add("zip.toml", "stdin = true\n", 0o755);
    await symlink("/bin/true", room.at("commands", "k~"));
    await mkdir(room.at("commands", "d~"));
    expect(room.judge()).toMatchObject({ files: [], refusedNames: ["b.tar.gz", "k~", "z~"] });
    const more = room.judge({ moreNames: ["*.gz"] });
    expect([namesOf(more), more.refusedNames]).toEqual([["b.tar.gz"], ["k~", "z~"]]);
  });

  test("that are not UTF-8 are a problem, if they do not begin with a dot", async () => {
    await using room = await createRoom();
    for (const name of ["caf\xe9", ".caf\xe9"])
      await writeFile(
        Buffer.concat([Buffer.from(`${room.at("commands")}/`), Buffer.from(name, "latin1")]),
        "",
      );
    expect(room.judge().problems).toEqual([
      `Cannot use the file "caf\\xe9" in "${room.at("commands")}": its name is not UTF-8\nRename it`,
    ]);
  });
});

describe("a file", () => {
  test.each([
    ["that is not executable", RUNS, 0o644, "plain", "it has no executable bit"],
    ["that others may write", RUNS, 0o757, "unsafe", "it can be written by others"],
  ])("%s is refused", async (_, text, mode, kind, reason) => {
    await using room = await createRoom();
    const path = await room.add("tool", text, mode);
    const judged = room.judge();
    expect(refusalsOf(judged)).toEqual([["tool", kind, reason]]);
    const [file] = judged.files;
    expect(file).toMatchObject({ path, refusal: { code: "NOT_EXECUTABLE" } });
    expect(file?.kind === "usable" ? "" : file?.refusal.full).toStartWith(`Cannot run "${path}": `);
  });

  test("is refused for its interpreter, but not if it is for another machine", async () => {
    await using room = await createRoom();
    const interpreter = await room.write("sh", "");
    await chmod(interpreter, 0o777);
    const path = await room.add("tool", `#!${interpreter}\n`);
    expect(room.judge().files).toMatchObject([
      {
        kind: "unsafe",
        refusal: {
          code: "NOT_EXECUTABLE",
          reason: "it has an interpreter or a PATH that can be replaced by others",
          full: expect.stringContaining(`Cannot run "${path}": `),
        },
      },
    ]);
    const pathFault = { problem: "p", publicProblem: "has a bad PATH", remedy: "Mend it" };
    expect(refusalsOf(room.judge({ runElsewhere: true, pathFault }))).toEqual([["tool", "usable", ""]]);
  });

  test("is refused for the PATH of all commands", async () => {
    await using room = await createRoom();
    const path = await room.add("tool");
    const pathFault = { problem: "the PATH is bad", publicProblem: "has a bad PATH", remedy: "Mend it" };
    const [file] = room.judge({ pathFault }).files;
    expect(file).toMatchObject({
      kind: "unsafe",
      refusal: {
        code: "NOT_EXECUTABLE",
        reason: "it has a bad PATH",
        full: `Cannot run "${path}": the PATH is bad\nMend it`,
      },
    });
  });

  test("is described by its settings, or else by a comment", async () => {
    await using room = await createRoom();
    await room.add("one", "#!/bin/sh\n# negotiator: from the comment\n");
    await room.add("two", "#!/bin/sh\n# negotiator: from the comment\n");
    await room.add("two.toml", 'description = "from the settings"\nstdin = false\n', 0o644);
    await room.add("three", "#!/bin/sh\n# negotiator: from the comment\n");
    await room.add("three.toml", "timeoutSeconds = 3\n", 0o644);
    const described = room
      .judge()
      .files.map((file) => (file.kind === "usable" ? file.description : undefined));
    expect(described).toEqual([
      { description: "from the comment" },
      { timeoutSeconds: 3, description: "from the comment" },
      { description: "from the settings", stdin: false },
    ]);
  });

  test("with a mistake in its settings is refused, and only the full error says which", async () => {
    await using room = await createRoom();
    await room.add("tool");
    await room.add("tool.toml", "user = 7\n", 0o644);
    const [file] = room.judge().files;
    expect(file).toMatchObject({
      kind: "unsafe",
      refusal: { code: "BAD_CONFIG", reason: "its file tool.toml has a mistake" },
    });
    expect(file?.kind === "unsafe" ? file.refusal.full : "").toContain(room.at("commands", "tool.toml"));
  });
});

test("the PATH of all commands is judged, with what that rests on", () => {
  const { fault, pins } = judgeSearchPath(UID, LOOKS);
  expect(fault).toBeUndefined();
  expect(pins.map(({ path }) => path)).toContain("/usr/bin");
});
