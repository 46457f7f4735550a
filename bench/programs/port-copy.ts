/**
 * Copies bytes between a virtio-serial port and a command without a protocol: the yardstick in a guest.
 * Words: the name of the port. Requests on the port, one a line: `out BYTES COMMAND`, `cat BYTES COMMAND`,
 * `in BYTES COMMAND`.
 */
import { openSync, readdirSync, readFileSync, readSync, writeSync } from "node:fs";

const PORTS = "/sys/class/virtio-ports";
const PIECE_BYTES = 64 * 1024;
const RETRY_MS = 50;

const name = process.argv[2] ?? "";
const device = readdirSync(PORTS).find(
  (each) => readFileSync(`${PORTS}/${each}/name`, "utf8").trim() === name,
);
const port = openSync(`/dev/${device}`, "r+");
for (;;) await answer(readLine());

async function answer(line: string): Promise<void> {
  const [, mode, bytes, command = ""] = /^(\w+) (\d+) (.*)$/.exec(line) ?? [];
  if (mode === "out") await copyOut(command);
  else if (mode === "cat") await Bun.spawn(["sh", "-c", `{ ${command}; } | cat`], { stdout: port }).exited;
  else if (mode === "in") await copyIn(Number(bytes), command);
  else throw new Error(`port-copy: unknown request "${line}"`);
}

async function copyOut(command: string): Promise<void> {
  const child = Bun.spawn(["sh", "-c", command], { stdin: "ignore", stdout: "pipe" });
  for await (const bytes of child.stdout) {
    for (let at = 0; at < bytes.length;) at += writeSync(port, bytes, at);
  }
}

async function copyIn(total: number, command: string): Promise<void> {
  const child = Bun.spawn(["sh", "-c", command], { stdin: "pipe", stdout: "ignore" });
  const bytes = Buffer.alloc(PIECE_BYTES);
  for (let left = total; left > 0;) {
    const length = readSync(port, bytes, 0, Math.min(left, PIECE_BYTES), null);
    void child.stdin.write(bytes.subarray(0, length));
    await child.stdin.flush();
    left -= length;
  }
  await child.stdin.end();
  await child.exited;
  writeSync(port, "done\n");
}

function readLine(): string {
  const byte = Buffer.alloc(1);
  let line = "";
  for (;;) {
    // The kernel returns no byte while the host's end is not connected.
    if (readSync(port, byte, 0, 1, null) === 0) Bun.sleepSync(RETRY_MS);
    else if (byte.toString() === "\n") return line;
    else line += byte.toString();
  }
}
