/** Opening a file whose place another user can change. */
import { expect, test } from "bun:test";
import { mkdir, symlink, writeFile } from "node:fs/promises";
import { errnoOf } from "../../../src/errors.ts";
import { FILE_MODES, openFile } from "../../../src/methods/agent/open-file.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test.each(["r", "w", "a"])(
  "a link in place of a directory on the way is refused with mode %s",
  async (mode) => {
    await using place = await createTemporaryDirectory();
    await mkdir(place.at("other"));
    await writeFile(place.at("other/file"), "secret");
    await symlink(place.at("other"), place.at("link"));
    for (const name of ["file", "new"]) {
      const opening = openFile(place.at(`link/${name}`), FILE_MODES[mode] ?? 0);
      expect(await opening.catch(errnoOf)).toBe("ELOOP");
    }
    expect(await Bun.file(place.at("other/file")).text()).toBe("secret");
    expect(await Bun.file(place.at("other/new")).exists()).toBe(false);
  },
);

test("a file without links on the way is opened, and made", async () => {
  await using place = await createTemporaryDirectory();
  const file = await openFile(place.at("new"), FILE_MODES["w+"] ?? 0);
  await file.write(Buffer.from("text"));
  await file.close();
  expect(await Bun.file(place.at("new")).text()).toBe("text");
});
