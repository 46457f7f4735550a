import { closeSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "bun:test";

const STREAMS = join(import.meta.dir, "../../../src/roles/cli/streams.ts");

async function askHasInput(stdin: number | "pipe"): Promise<string> {
  const script = `import { hasInput } from ${JSON.stringify(STREAMS)}; console.log(hasInput());`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdin, stdout: "pipe", stderr: "inherit" });
  return (await child.stdout.text()).trim();
}

test.each([
  ["/dev/null", "false"],
  ["/dev/zero", "true"],
  ["/etc/passwd", "true"],
])("input from %s is sent: %s", async (path, expected) => {
  const fd = openSync(path, "r");
  try {
    expect(await askHasInput(fd)).toBe(expected);
  } finally {
    closeSync(fd);
  }
});

test("input from a pipe is sent", async () => {
  expect(await askHasInput("pipe")).toBe("true");
});
