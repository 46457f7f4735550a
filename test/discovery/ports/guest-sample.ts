/** A guest's ports as the kernel shows them, in a temporary directory. */
import { mkdir } from "node:fs/promises";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

/** Makes a guest with these ports: device nodes and their names. */
export async function createGuest(names: Record<string, string>) {
  const directory = await createTemporaryDirectory();
  await mkdir(directory.at("sys"));
  for (const [node, name] of Object.entries(names)) {
    await directory.write(`sys/${node}/name`, `${name}\n`);
    await directory.write(`sys/${node}/dev`, "247:3\n");
    await directory.write(`dev/${node}`, "");
  }
  const places = { sysDirectory: directory.at("sys"), devDirectory: directory.at("dev") };
  return { directory, places, [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose]() };
}
