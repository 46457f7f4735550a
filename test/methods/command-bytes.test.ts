/** Commands whose files have names or descriptions that are not UTF-8. */
import { expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { NegotiatorError } from "../../src/errors.ts";
import { listCommands, resolveCommand } from "../../src/methods/commands.ts";
import { rejectionOf } from "../support/error-of.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

async function createCommands() {
  const directory = await createTemporaryDirectory();
  const place = directory.at("commands");
  await mkdir(place, { mode: 0o755 });
  const sources = { directories: [place], builtins: [], uid: process.getuid?.() ?? 0 };
  return {
    place,
    sources,
    async add(name: string, text = "#!/bin/sh\n", mode = 0o755): Promise<string> {
      const path = await directory.write(`commands/${name}`, text);
      await chmod(path, mode);
      return path;
    },
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

test("a NAME.toml that is not UTF-8 makes its command unusable", async () => {
  await using commands = await createCommands();
  await commands.add("backup");
  const path = await commands.add("backup.toml", "", 0o644);
  await Bun.write(path, Buffer.from('description = "gr\xfcn"\n', "latin1"));
  const { code, cause } = await rejectionOf(resolveCommand("backup", commands.sources, () => true));
  expect(code).toBe("BAD_CONFIG");
  expect(NegotiatorError.from(cause).message).toStartWith(`Cannot use the file "${path}": it is not UTF-8`);
});

test("a file whose name is not UTF-8 is not a command, and a problem names its directory", async () => {
  await using commands = await createCommands();
  await commands.add("good");
  await commands.add("gr\ufffdn");
  const script = 'cp "$1/good" "$1/"$\'gr\\xfcn\'; cp "$1/good" "$1/"$\'.hidden\\xfc\'';
  Bun.spawnSync(["bash", "-c", script, "bash", commands.place]);
  const { commands: found, problems, refusedNames } = await listCommands(commands.sources);
  expect(found.map(({ name }) => name)).toEqual(["good"]);
  expect(refusedNames).toEqual([`${commands.place}/gr\ufffdn`]);
  expect(problems.map(({ message }) => message)).toEqual([
    `Cannot use the file "gr\\xfcn" in "${commands.place}": its name is not UTF-8\nRename it`,
  ]);
});

test("a comment of a script that is not UTF-8 is shown with its bytes", async () => {
  await using commands = await createCommands();
  const path = await commands.add("backup");
  await Bun.write(path, Buffer.from("#!/bin/sh\n# negotiator: gr\xfcn \xc3\xbc\n", "latin1"));
  const { commands: found } = await listCommands(commands.sources);
  expect(found.map(({ description }) => description)).toEqual(["gr\\xfcn ü"]);
});
