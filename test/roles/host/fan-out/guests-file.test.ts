/** Files of guest names: which lines are names, and which files are refused. */
import { expect, test } from "bun:test";
import { readGuestsFile } from "../../../../src/roles/host/fan-out/guests-file.ts";
import { rejectionOf } from "../../../support/error-of.ts";
import { runProcess } from "../../../support/program-run.ts";
import { createTemporaryDirectory } from "../../../support/temporary-directory.ts";

const MEBIBYTE = 1024 * 1024;

async function read(content: string | Uint8Array): Promise<string[]> {
  await using directory = await createTemporaryDirectory();
  await Bun.write(directory.at("guests"), content);
  return await readGuestsFile(directory.at("guests"));
}

test("blanks around names, empty lines and comments are left out", async () => {
  expect(await read("# all\nweb1\n\n  db1 \r\n  # old\nweb#2\nlast")).toEqual([
    "web1",
    "db1",
    "web#2",
    "last",
  ]);
});

test("a file may have a mebibyte, and a byte more is refused", async () => {
  const names = `${"x".repeat(MEBIBYTE - 1)}\n`;
  expect(await read(names)).toHaveLength(1);
  expect((await rejectionOf(read(`${names}\n`))).message).toContain(`it has more than ${MEBIBYTE} bytes`);
});

test.each<[string, string | Uint8Array, string]>([
  ["an empty file", "", "it names no guest"],
  ["a file of comments", "# a\n\n", "it names no guest"],
  ["a file that is not UTF-8", Uint8Array.of(0x61, 0xff), "it is not UTF-8"],
])("%s is refused with its reason", async (_, content, reason) => {
  const { code, message } = await rejectionOf(read(content));
  expect([code, message.split("\n")[0]?.endsWith(`guests": ${reason}`)]).toEqual(["BAD_USAGE", true]);
});

test.each([
  ["/nonexistent/guests", "it does not exist"],
  ["/tmp", "it is a directory"],
  ["/dev/null", "it is not a file"],
  ["/etc/hostname/guests", "ENOTDIR"],
])("%s is refused: %s", async (path, reason) => {
  const { code, message } = await rejectionOf(readGuestsFile(path));
  expect(code).toBe("BAD_USAGE");
  expect(message).toStartWith(`Cannot read guests from "${path}": `);
  expect(message.split("\n")[0]).toContain(reason);
});

const SOURCE = `${import.meta.dir}/../../../../src/roles/host/fan-out/guests-file.ts`;

test("names of many pieces come from the standard input", async () => {
  const names = Array.from({ length: 20_000 }, (_, index) => `web${index}`);
  const script = `
    const { readGuestsFile } = await import("${SOURCE}");
    const names = await readGuestsFile("-");
    console.log(names.length, names[0], names.at(-1), new Set(names).size);
  `;
  await using directory = await createTemporaryDirectory();
  await Bun.write(directory.at("guests"), `${names.join("\n")}\n`);
  const words = ["sh", "-c", 'cat "$1" | "$0" -e "$2"', process.execPath, directory.at("guests"), script];
  const { stdout, stderr } = await runProcess(words);
  expect({ stdout, stderr }).toEqual({ stdout: "20000 web0 web19999 20000\n", stderr: "" });
});

test("names may come from a named pipe", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("pipe");
  await runProcess(["mkfifo", path]);
  const writing = runProcess(["sh", "-c", `printf 'web1\\nweb2\\n' >"$1"`, "sh", path]);
  expect(await readGuestsFile(path)).toEqual(["web1", "web2"]);
  await writing;
});

test("a file that this user may not read is refused: you may not read it", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("guests");
  await Bun.write(path, "web1\n");
  const script = `
    const { readGuestsFile } = await import("${SOURCE}");
    require("node:fs").chmodSync("${path}", 0);
    process.setuid(65534);
    await readGuestsFile("${path}").catch(({ message }) => console.log(message));
  `;
  const { stdout } = await runProcess([process.execPath, "-e", script]);
  expect(stdout).toContain("you may not read it");
});
