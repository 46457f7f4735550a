/** Opening a file whose place another user can change. */
import { expect, test } from "bun:test";
import { mkdir, readFile, realpath, symlink, writeFile } from "node:fs/promises";
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

test.each([4096, 49_152, 1_000_000])("a file is read to its end in pieces of %d bytes", async (count) => {
  await using place = await createTemporaryDirectory();
  const content = crypto.getRandomValues(Buffer.alloc(60_001));
  await writeFile(place.at("file"), content);
  const file = await openFile(place.at("file"), FILE_MODES["r"] ?? 0);
  const pieces: Uint8Array[] = [];
  for (let isEnd = false; !isEnd;) {
    const { base64, isAtEnd } = await file.read(count);
    pieces.push(Buffer.from(base64, "base64"));
    isEnd = isAtEnd;
  }
  expect(Buffer.concat(pieces).equals(content)).toBe(true);
  await writeFile(place.at("file"), "more", { flag: "a" });
  expect(await file.read(count)).toEqual({ base64: btoa("more"), count: 4, isAtEnd: true });
  await file.seek(-2n, "end");
  expect(await file.read(2)).toEqual({ base64: btoa("re"), count: 2, isAtEnd: false });
  expect(await file.read(0)).toEqual({ base64: "", count: 0, isAtEnd: false });
  expect(await file.read(2)).toEqual({ base64: "", count: 0, isAtEnd: true });
  await file.close();
});

test.each([1000, 50_000])("two clients that use one file get pieces of %d bytes in order", async (count) => {
  await using place = await createTemporaryDirectory();
  const content = crypto.getRandomValues(Buffer.alloc(4 * count));
  const written = await openFile(place.at("file"), FILE_MODES["w"] ?? 0);
  await Promise.all(
    [0, 1, 2, 3].map((index) => written.write(content.subarray(index * count, (index + 1) * count))),
  );
  await written.close();
  const file = await openFile(place.at("file"), FILE_MODES["r"] ?? 0);
  const pieces = await Promise.all([file.read(count), file.read(count), file.read(2 * count), file.read(1)]);
  expect(pieces.map((piece) => piece.count)).toEqual([count, count, 2 * count, 0]);
  const read = pieces.map(({ base64 }) => Buffer.from(base64, "base64"));
  expect(Buffer.concat(read).equals(content)).toBe(true);
  await file.close();
});

test("a directory cannot be read", async () => {
  const file = await openFile("/", FILE_MODES["r"] ?? 0);
  expect(await file.read(10).catch(errnoOf)).toBe("EISDIR");
  await file.close();
});

test("a file that is open for writing only cannot be read", async () => {
  await using place = await createTemporaryDirectory();
  const file = await openFile(place.at("new"), FILE_MODES["w"] ?? 0);
  expect(await file.read(10).catch(errnoOf)).toBe("EBADF");
  await file.close();
});

test.each([
  ["r+", "ab23456789", 2n],
  ["a", "0123456789ab", 12n],
  ["a+", "0123456789ab", 12n],
])("after a write in the mode %s the file is %j, and its place %p", async (mode, text, place) => {
  await using directory = await createTemporaryDirectory();
  const path = await realpath(await directory.write("file", "0123456789"));
  const file = await openFile(path, FILE_MODES[mode] ?? 0);
  await file.write(Buffer.from("ab"));
  expect(await file.seek(0n, "cur")).toBe(place);
  await file.close();
  expect(await readFile(path, "utf8")).toBe(text);
});

test("two actions on a file follow each other, and a failure does not stop the next", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await realpath(await directory.write("file", "0123456789"));
  const file = await openFile(path, FILE_MODES["r+"] ?? 0);
  const actions = [file.read(3), file.seek(-9n, "cur"), file.write(Buffer.from("XY")), file.read(2)];
  const [first, second, third, fourth] = await Promise.allSettled(actions);
  expect(first).toMatchObject({ value: { base64: Buffer.from("012").toString("base64"), count: 3 } });
  expect(second).toMatchObject({ reason: { code: "EINVAL" } });
  expect(third).toMatchObject({ status: "fulfilled" });
  expect(fourth).toMatchObject({ value: { base64: Buffer.from("56").toString("base64"), count: 2 } });
  await file.close();
  expect(await readFile(path, "utf8")).toBe("012XY56789");
});

test("a long file is read to its end, and a short read says that it is there", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await realpath(await directory.write("file", "x".repeat(100_000)));
  const file = await openFile(path, FILE_MODES["r"] ?? 0);
  expect(await file.read(16 * 1024)).toMatchObject({ count: 16_384, isAtEnd: false });
  expect(await file.read(16 * 1024 + 1)).toMatchObject({ count: 16_385, isAtEnd: false });
  expect(await file.read(100_000)).toMatchObject({ count: 67_231, isAtEnd: true });
  expect(await file.read(1)).toEqual({ base64: "", count: 0, isAtEnd: true });
  await file.close();
});
