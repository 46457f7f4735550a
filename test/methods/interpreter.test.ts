/** The interpreters of commands: others must not be able to write them. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, symlink } from "node:fs/promises";
import { listCommands, resolveCommand } from "../../src/methods/commands.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const UID = process.getuid?.() ?? 0;
const OTHER_USER = 65_534;

/** A command directory `commands`, and a directory `tools` for interpreters. */
async function createPlace() {
  const directory = await createTemporaryDirectory();
  for (const name of ["commands", "tools"]) await mkdir(directory.at(name), { mode: 0o755 });
  const sources = { directories: [directory.at("commands")], builtins: [], uid: UID };
  const add = async (name: string, text: string, mode = 0o755): Promise<string> => {
    const path = await directory.write(name, text);
    await chmod(path, mode);
    return path;
  };
  return {
    at: (name: string): string => directory.at(name),
    add,
    /** Plants a command with that first line; returns its problem, or undefined. */
    async problemOf(line: string): Promise<string | undefined> {
      await add("commands/tool", `${line}\n`);
      const { commands, problems } = await listCommands(sources);
      expect(commands).toHaveLength(problems.length === 0 ? 1 : 0);
      return problems[0]?.message;
    },
    errorOf: () => rejectionOf(resolveCommand("tool", sources, () => true)),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test.each([
  "#!/bin/sh",
  "#! /bin/sh -e",
  "#!/usr/bin/env sh",
  "#!/usr/bin/env -S sh -e",
  "#!/usr/bin/env -S X=1 sh -e",
  "#!/usr/bin/env no-such-program",
  "#!/no/such/interpreter",
  "no script",
])("a command with the first line %j is offered", async (line) => {
  await using place = await createPlace();
  expect(await place.problemOf(line)).toBeUndefined();
});

test("an interpreter that others can write to is refused, also behind another one", async () => {
  await using place = await createPlace();
  const outer = await place.add("tools/outer", `#!${place.at("tools/inner")}\n`);
  const inner = await place.add("tools/inner", "#!/bin/sh\n", 0o757);
  await symlink("outer", place.at("tools/link"));
  for (const path of [inner, outer, place.at("tools/link")]) {
    expect(await place.problemOf(`#!${path} -x`)).toEndWith(
      `is not safe: its group or everybody may write to it\nCorrect it with: chmod go-w ${inner}`,
    );
    expect((await place.errorOf()).message).toBe(
      'Cannot run "tool": it has an interpreter or a PATH that can be replaced by others',
    );
  }
  await chmod(inner, 0o755);
  expect(await place.problemOf(`#!${outer}`)).toBeUndefined();
});

test("an interpreter in a directory that others can write to is refused", async () => {
  await using place = await createPlace();
  const tool = await place.add("tools/tool", "#!/bin/sh\n");
  await chmod(place.at("tools"), 0o777);
  for (const line of [`#!${tool}`, `#!/usr/bin/env ${tool}`, `#!/usr/bin/env -S ${tool} -x`])
    expect(await place.problemOf(line)).toContain(`everybody may write to "${place.at("tools")}"`);
});

test("a missing interpreter is refused where others can put one, as in /tmp", async () => {
  await using place = await createPlace();
  expect(await place.problemOf("#!/tmp/negotiator-no-such-interpreter")).toContain(
    "nothing is there, and others may put something there",
  );
});

test.each([
  "#!/usr/bin/env -i sh",
  "#!/usr/bin/env -S -u X sh",
  "#!/usr/bin/env -S 'sh' -e",
  "#!/usr/bin/env -S PATH=/tmp sh",
  "#!/usr/bin/env -S ${X}",
])("a first line that cannot be read is refused: %j", async (line) => {
  await using place = await createPlace();
  expect(await place.problemOf(line)).toEndWith(
    'so its interpreter cannot be known\nWrite the path of the interpreter into its "#!" line',
  );
  expect((await place.errorOf()).message).toEndWith("it has an interpreter that cannot be checked");
});

test.if(UID === 0)("an interpreter of another user is refused (needs root)", async () => {
  await using place = await createPlace();
  const tool = await place.add("tools/tool", "#!/bin/sh\n");
  await chown(tool, OTHER_USER, OTHER_USER);
  expect(await place.problemOf(`#!${tool}`)).toContain(`it belongs to user ${OTHER_USER}, not to root`);
});
