/** Trusted files: whose they may be, and what is not a regular file. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, symlink, truncate } from "node:fs/promises";
import { join } from "node:path";
import { readTrustedFile } from "../../src/trust/trusted-file.ts";
import { errorOf } from "../support/error-of.ts";
import { watchOpenFiles } from "../support/open-files.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const IS_ROOT = process.getuid?.() === 0;
const MODULE = join(import.meta.dir, "../../src/trust/trusted-file.ts");

const IMPORT = `import { readTrustedFile } from "${MODULE}";`;

/**
 * Returns the text that another process reads from the file that `words` of bash name. A pipe could block
 * this process. `first` is code that runs before.
 */
function readApart(words: string, first = ""): string {
  const script = `
    import { readTrustedFile } from "${MODULE}";
    const path = process.argv.at(-1);
    ${first}
    try { console.log(JSON.stringify(readTrustedFile(path) ?? null)); }
    catch ({ message }) { console.log(message); }
  `;
  const child = Bun.spawnSync(["bash", "-c", `"$@" ${words}`, "bash", process.execPath, "-e", script], {
    timeout: 60_000,
    stderr: "inherit",
  });
  return child.stdout.toString().trimEnd();
}

test("a file is read; a missing one is undefined, a link to nowhere and a directory throw", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "text");
  expect(readTrustedFile(path)).toBe("text");
  expect(readTrustedFile(directory.at("absent"))).toBeUndefined();
  expect(readTrustedFile("/dev/null")).toBe("");
  await symlink("absent", directory.at("link"));
  expect(errorOf(() => readTrustedFile(directory.at("link"))).message).toContain("leads nowhere\n");
  await mkdir(directory.at("folder"));
  await chmod(directory.at("folder"), 0o775);
  expect(errorOf(() => readTrustedFile(directory.at("folder"))).message).toContain("it is a directory");
});

function refused(kind: string): string {
  return `it is ${kind}, not a regular file\nWrite the text into a file`;
}

test("a pipe, a file without a name and a socket are refused: not regular files", async () => {
  await using directory = await createTemporaryDirectory();
  expect(readApart("<(echo text)")).toContain(refused("a pipe"));
  expect(readApart("<(sleep 60)")).toContain(refused("a pipe"));
  expect(readApart("/dev/stdin < <(echo text)")).toContain(refused("a pipe"));
  const pipe = directory.at("pipe");
  expect(Bun.spawnSync(["mkfifo", "-m", "600", pipe]).exitCode).toBe(0);
  expect(readApart(pipe)).toContain(refused("a pipe"));
  const path = await directory.write("file", "text");
  expect(readApart(`/dev/stdin < ${path}`)).toBe('"text"');
  const remove = `import { rmSync } from "node:fs"; rmSync("${path}");`;
  expect(readApart(`/dev/stdin < ${path}`, remove)).toContain(refused("a file without a name"));
  using _ = Bun.listen({ unix: directory.at("socket"), socket: { data: () => undefined } });
  expect(readApart(directory.at("socket"))).toContain(refused("a socket"));
});

test("a device other than /dev/null is refused without reading it", () => {
  for (const path of ["/dev/zero", "/dev/full", "/dev/urandom"]) {
    const child = Bun.spawnSync([process.execPath, "-e", `${IMPORT} readTrustedFile("${path}");`], {
      timeout: 3000,
      stderr: "pipe",
    });
    expect(child.exitedDueToTimeout).not.toBe(true);
    expect(child.stderr.toString()).toContain("it is a device, not a regular file");
  }
});

test("a file or a sparse file of more than 1 MiB is refused", async () => {
  await using directory = await createTemporaryDirectory();
  const most = 1024 * 1024;
  const path = await directory.write("long", "x".repeat(most));
  expect(readTrustedFile(path)).toHaveLength(most);
  await directory.write("long", "x".repeat(most + 1));
  const condition = "it has more than 1048576 bytes";
  expect(errorOf(() => readTrustedFile(path)).message).toBe(`Cannot use the file "${path}": ${condition}`);
  await truncate(path, 2 ** 40);
  expect(errorOf(() => readTrustedFile(path)).message).toEndWith(condition);
});

test.each([
  ["a byte that begins no character", Uint8Array.of(0x61, 0xff)],
  ["a character that ends early", Uint8Array.of(0xc3)],
  ["half of a surrogate pair", Uint8Array.of(0xed, 0xa0, 0x80)],
  ["Latin-1", Buffer.from("user = 'J\u00f6rg'", "latin1")],
])("a file with %s is refused: it is not UTF-8", async (_, bytes) => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("file");
  await Bun.write(path, bytes);
  expect(errorOf(() => readTrustedFile(path)).message).toBe(
    `Cannot use the file "${path}": it is not UTF-8 text\nFind the line with: grep -naxv '.*' ${path}`,
  );
});

test("a file in a directory that everybody may write to is refused", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("open/file", "text");
  expect(readTrustedFile(path)).toBe("text");
  await chmod(directory.at("open"), 0o777);
  expect(errorOf(() => readTrustedFile(path)).message).toBe(
    `Cannot use the file "${path}": everybody may write to "${directory.at("open")}"\n` +
      `Correct it with: chmod o-w ${directory.at("open")}`,
  );
  expect(readApart(`/dev/stdin < ${path}`)).toStartWith('Cannot use the file "/dev/stdin"');
});

test.if(IS_ROOT)(
  "a file in a directory that a group with other members may write to is refused (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("shared/file", "text");
    await chown(directory.at("shared"), 0, 54_321);
    await chmod(directory.at("shared"), 0o775);
    expect(errorOf(() => readTrustedFile(path)).message).toStartWith(
      `Cannot use the file "${path}": group 54321 may write to "${directory.at("shared")}"`,
    );
  },
);

test("reading, refusing and failing to read files leaves no descriptor open", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "text");
  const open = await directory.write("open", "text");
  await chmod(open, 0o666);
  const pipe = directory.at("pipe");
  expect(Bun.spawnSync(["mkfifo", "-m", "600", pipe]).exitCode).toBe(0);
  const leftBehind = await watchOpenFiles(new RegExp(`^${directory.path}`));
  expect(readTrustedFile(path)).toBe("text");
  for (const refused of [open, pipe, directory.path]) errorOf(() => readTrustedFile(refused));
  expect(await leftBehind()).toEqual([]);
});

test.if(IS_ROOT)("a file of another user is refused (needs root)", async () => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("file", "text");
  await chown(path, 65_534, 65_534);
  expect(readApart(path)).toStartWith(`Cannot use the file "${path}": it belongs to user 65534, not to root`);
});

test.if(IS_ROOT)(
  "a process whose user is not in /etc/passwd can read a file of root (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await chmod(directory.path, 0o755);
    const path = await directory.write("file", "text");
    expect(readApart(path, "process.setegid(54321); process.seteuid(54321);")).toBe('"text"');
  },
);

test.if(IS_ROOT)(
  "a link that is switched between two files never returns the text of another user (needs root)",
  async () => {
    await using directory = await createTemporaryDirectory();
    await directory.write("ours", "ours");
    await directory.write("theirs", "theirs");
    await chown(directory.at("theirs"), 65_534, 65_534);
    await symlink("ours", directory.at("link"));
    const switching = `cd ${directory.path}; while :; do ln -sfn theirs link; ln -sfn ours link; done`;
    await using switcher = Bun.spawn(["sh", "-c", switching]);
    const seen = new Set<string>();
    while (!seen.has("theirs refused") || !seen.has("ours")) {
      try {
        seen.add(readTrustedFile(directory.at("link")) ?? "none");
      } catch {
        seen.add("theirs refused");
      }
    }
    switcher.kill();
    await switcher.exited;
    expect(seen).not.toContain("theirs");
  },
);
