/** Our stdout and stderr: order, slow readers, readers that are gone, and a full disk. */
import { expect, test } from "bun:test";
import { join } from "node:path";
import { runProcess } from "./support/program-run.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";
import { until } from "./support/until.ts";

const MODULE = JSON.stringify(join(import.meta.dir, "../src/standard-output.ts"));
const TERMINALS = JSON.stringify(join(import.meta.dir, "../src/process/terminal-output.ts"));
const PRELUDE = `import { standardOutput } from ${MODULE};\nconst { write } = standardOutput;\n`;
const ON_TERMINAL = `(await import(${TERMINALS})).keepRunningWithoutTerminal();\n`;

/** Runs a program that uses `write`. `script` is for a shell, in which `$program` runs the program. */
async function runProgram(code: string, script = "$program") {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("program.ts", PRELUDE + code);
  const program = `'${process.execPath}' '${file}'`;
  return await runProcess(["/bin/sh", "-c", script.replaceAll("$program", program)]);
}

/** More than a pipe holds. */
const LARGE = 300_000;
const REPORT =
  'await write("stderr", `${await write("stdout", text)} ${standardOutput.lost("stdout")?.message}`);';

test("texts of any size reach a slow reader whole and in the order of the calls", async () => {
  const code = `for (let i = 0; i < 9; i++) void write("stdout", i + "x".repeat(i % 2 * ${LARGE}) + "\\n");`;
  // The reader is slow because it starts only when the pipe is full.
  const { stdout } = await runProgram(code, "$program | { read first; cut -c1-2; }");
  expect(stdout).toBe("1x\n2\n3x\n4\n5x\n6\n7x\n8\n");
});

test("a text is written before the program can crash", async () => {
  const code = 'void write("stderr", "last words"); process.kill(process.pid, "SIGKILL");';
  expect((await runProgram(code)).stderr).toStartWith("last words");
});

test("bytes are written as they are, behind those of other programs in the same file", async () => {
  const code = 'await write("stdout", new Uint8Array([98, 255, 10])); await write("stdout", "");';
  await using directory = await createTemporaryDirectory();
  const file = directory.at("file");
  await runProgram(code, `{ echo a; $program; echo c; } > '${file}'`);
  expect([...(await Bun.file(file).bytes())]).toEqual([97, 10, 98, 255, 10, 99, 10]);
});

test.each([5, LARGE])("a text of %d bytes to a full disk resolves to false, and is lost", async (length) => {
  const code = `const text = "x".repeat(${length}); ${REPORT}`;
  const { exitCode, stderr } = await runProgram(code, "$program > /dev/full");
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: "false ENOSPC: no space left on device, write",
  });
});

test.each([5, LARGE])("a text of %d bytes to a reader that is gone is not lost", async (length) => {
  await using directory = await createTemporaryDirectory();
  const gate = directory.at("gate");
  const code = `const text = "x".repeat(${length}); ${REPORT}`;
  // The program starts only once the other end of its pipe is closed.
  const script = `mkfifo '${gate}'; { read _ < '${gate}'; $program; } | { exec <&-; echo go > '${gate}'; }`;
  expect((await runProgram(code, script)).stderr).toBe("false undefined");
});

test("an error that is not the system's is thrown", async () => {
  const code = 'Bun.stdout.writer = () => { throw new Error("broken"); }; await write("stdout", "x");';
  const { exitCode, stderr } = await runProgram(code);
  expect({ exitCode, isShown: stderr.includes("error: broken") }).toEqual({ exitCode: 1, isShown: true });
});

test("a stopped terminal stops neither the timers nor the exit of the program", async () => {
  const code = `
    await write("stdout", "ready\\n");
    setTimeout(() => process.exit(7), 500);
    for (;;) await write("stdout", "x".repeat(${LARGE}));
  `;
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("program.ts", PRELUDE + ON_TERMINAL + code);
  let text = "";
  // Control-S stops a terminal's output, and control-Q lets it go on.
  const terminal = new Bun.Terminal({
    data(own, bytes) {
      if (!text.startsWith("ready")) own.write("\u0013");
      text += new TextDecoder().decode(bytes);
    },
  });
  const child = Bun.spawn([process.execPath, file], { terminal });
  const timer = setTimeout(() => child.kill("SIGKILL"), 60_000);
  const exitCode = await child.exited;
  clearTimeout(timer);
  terminal.close();
  expect({ exitCode, isStarted: text.startsWith("ready") }).toEqual({ exitCode: 7, isStarted: true });
});

test("a terminal gets texts whole and in the order of the calls", async () => {
  const code = `for (let i = 0; i < 9; i++) void write("stdout", i + "x".repeat(i % 2 * 30_000) + "\\n");`;
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("program.ts", PRELUDE + ON_TERMINAL + code);
  let text = "";
  const terminal = new Bun.Terminal({ data: (_, bytes) => void (text += new TextDecoder().decode(bytes)) });
  await Bun.spawn([process.execPath, file], { terminal }).exited;
  const isWhole = (): boolean => text.endsWith("8\r\n");
  await until("all has come", isWhole);
  terminal.close();
  const lines = text.split("\r\n").slice(0, -1);
  expect(lines.map((line) => `${line[0]} ${line.length}`)).toEqual(
    Array.from({ length: 9 }, (_, index) => `${index} ${1 + (index % 2) * 30_000}`),
  );
});
