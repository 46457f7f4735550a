/** The caller's standard input: where reading begins and stops, and what is left for the next program. */
import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { listGroup } from "../../support/captured-run.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(180_000);

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  for (const side of [stage.host, stage.guest()])
    for (const [name, script] of Object.entries(SCRIPTS)) await side.command(name, `#!/bin/sh\n${script}\n`);
  await Bun.write(stage.at("list"), "a\nb\nc\nd\n");
  await Bun.write(stage.at("bulk"), "0123456789\n".repeat(300_000));
  await Bun.write(stage.at("empty"), "");
});
afterAll(() => stage[Symbol.asyncDispose]());

const SCRIPTS = {
  copy: "exec cat",
  count: "exec wc -c",
  first: 'exec head -c "$1"',
  end: 'exit "$1"',
  stuck: 'echo $$ >>"$1"; exec sleep 600',
} as const;

/** Each test runs both ways: from the host to a guest, and from a guest to its host. */
const WAYS: [string, () => { caller: Side; served: Side; to: string[] }][] = [
  ["host to guest", () => ({ caller: stage.host, served: stage.guest(), to: ["web1"] })],
  ["guest to host", () => ({ caller: stage.guest(), served: stage.host, to: [] })],
];

describe.each(WAYS)("our standard input, %s", (from, way) => {
  /** In `line`, `call COMMAND` is a call with `$options`, and `$list`, `$bulk` and `$empty` are files. */
  const shell = async (line: string) => {
    const { caller, to } = way();
    const files = ["list", "bulk", "empty", "started"].map((name) => `${name}=${stage.at(name)}`).join("; ");
    const call = `call() { "\${program[@]}" execute $options ${to.join(" ")} "$@"; }`;
    return caller.shell(`program=("$@"); ${files}; ${call}\n${line}`);
  };

  test.each([
    ["{ read -r x; call copy; } <$list", "b\nc\nd\n"],
    ["{ head -c 3 >/dev/null; call copy; } <$bulk | head -c 5", "34567"],
    ["{ call copy >/dev/null; echo rest; cat; } <$list", "rest\n"],
    ["exec <$list; read -r x; call copy; echo rest; cat", "b\nc\nd\nrest\n"],
    ["{ read -r x; call copy; } <<<$(cat $bulk) | wc -c", "3299989\n"],
    ["while read -r x; do call count; done <$list", "6\n"],
    ["{ call copy; call copy; } <$list", "a\nb\nc\nd\n"],
    ["exec 3<$list; head -c 4 <&3 >/dev/null; call copy <&3", "c\nd\n"],
  ])(`%j prints %j, ${from}`, async (line, stdout) => {
    expect(await shell(line)).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });

  test.each([
    ["{ read -r x; call copy; } <<<$'a\\nb'", "b\n"],
    ["printf 'a\\nb\\n' | { read -r x; call copy; }", "b\n"],
    ["while read -r x; do options=-n call end 0; echo $x; done <$list", "a\nb\nc\nd\n"],
    ["call count <$bulk", "3300000\n"],
    ["call count <$empty", "0\n"],
    ["call count </dev/null", "0\n"],
    ["call count <&-", "0\n"],
    ["call first 5 </dev/zero | tr '\\0' z", "zzzzz"],
  ])(`%j prints %j, ${from}`, async (line, stdout) => {
    expect(await shell(line)).toMatchObject({ exitCode: 0, stdout, stderr: "" });
  });

  test(`the original's option form sends no input and leaves a list alone, ${from}`, async () => {
    const { to } = way();
    const call = `"\${program[@]}" -e count ${to.join(" ")}`;
    const { stdout } = await shell(`while read -r x; do ${call}; ${call} -n; echo $x; done <$list`);
    expect(stdout).toBe("0\n0\na\n0\n0\nb\n0\n0\nc\n0\n0\nd\n");
  });

  test(`a call that is refused leaves all of a file, ${from}`, async () => {
    const { stdout } = await shell("{ call nothing 2>/dev/null; echo $?; wc -c; } <$bulk");
    expect(stdout).toBe("127\n3300000\n");
  });

  test(`a call that is refused leaves all of a list, ${from}`, async () => {
    const { stdout } = await shell("while read -r x; do call nothing 2>/dev/null; echo $x $?; done <$list");
    expect(stdout).toBe("a 127\nb 127\nc 127\nd 127\n");
  });

  test(`a file is behind the last byte that went to a command that took a part, ${from}`, async () => {
    const { served } = way();
    const { stdout } = await shell("{ call first 200000 | wc -c; wc -c; } <$bulk");
    const [copied, left = 0] = stdout.split("\n").map(Number);
    const entry = await until("the call is in the audit", async () =>
      (await served.audit()).find(
        ({ direction, arguments: words }) =>
          direction === "incoming" && JSON.stringify(words) === '["200000"]',
      ),
    );
    const taken = takenBy(entry);
    expect({ copied, left }).toEqual({ copied: 200_000, left: 3_300_000 - taken });
    expect(taken).toBeWithin(200_000, 200_000 + 2 * 65_536 + 1);
  });

  test.each([
    ["a directory", "call stuck $started </", "EISDIR"],
    ["a file without leave to read", "call stuck $started 0>$empty", "EBADF"],
    ["a device that fails", "call stuck $started </proc/$$/mem", "EIO"],
  ])(`input from %s cancels the call with exit code 125, ${from}`, async (_, line, errno) => {
    const ended = await shell(line);
    expect(ended).toMatchObject({ exitCode: 125, stdout: "" });
    expect(ended.stderr).toStartWith("negotiator: Cannot read standard input: ");
    expect(ended.stderr).toContain(errno);
    const started = await readFile(stage.at("started"), "utf8").catch(() => "");
    for (const pid of started.split("\n").filter(Boolean))
      await until("the command has ended", async () => (await listGroup(Number(pid))).length === 0);
  });

  test(`input from a connection that is reset cancels the call with exit code 125, ${from}`, async () => {
    using server = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (socket) => void socket.write("x".repeat(1000)),
        // The command has begun, and tells it through the connection.
        data: (socket) => socket.terminate(),
      },
    });
    const connect = `exec 3<>/dev/tcp/127.0.0.1/${server.port}`;
    const line = `${connect}; call copy <&3 | { head -c 1000 >&3; cat; }; exit \${PIPESTATUS[0]}`;
    const ended = await shell(line);
    expect(ended).toMatchObject({ exitCode: 125, stdout: "" });
    expect(ended.stderr).toContain("ECONNRESET");
  });
});

function takenBy(entry: Record<string, unknown> | undefined): number {
  const bytes = entry?.["bytes"];
  return typeof bytes === "object" && bytes !== null && "stdin" in bytes ? Number(bytes.stdin) : Number.NaN;
}
