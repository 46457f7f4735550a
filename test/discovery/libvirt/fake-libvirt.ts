/** A fake libvirt: the output that `virsh` would print. */
import type { RunText, RunTextResult, SpawnLines } from "../../../src/process/run-text.ts";

/** UUIDs of three domains. */
export const UUIDS = [
  "64800e11-3e0a-4844-b181-5e5b9a9fed46",
  "6695eb01-f6a4-8304-79aa-97f2502e193f",
  "c7a5fdbd-cdaf-9455-926a-d65c16db1809",
] as const;

/** Returns the XML of a running domain with both ports; `place` is the directory of their sockets. */
export function domainXml(name: string, uuid: string, place = `/run/${uuid}`): string {
  const escaped = Bun.escapeHTML(name).replaceAll("&#x27;", "&apos;");
  const channels = ["host-to-guest", "guest-to-host"].map(
    (way) =>
      `<channel type='unix'><source mode='bind' path='${place}/${way}'/>` +
      `<target type='virtio' name='negotiator-${way}.0' state='disconnected'/></channel>`,
  );
  const start = "<domain type='kvm' id='1'>";
  const devices = `<devices>${channels.join("")}</devices>`;
  return `${start}\n<name>${escaped}</name>\n<uuid>${uuid}</uuid>\n${devices}\n</domain>\n\n`;
}

/** Returns the result of a virsh call that succeeds. */
export function answer(stdout: string): RunTextResult {
  return { exitCode: 0, stdout, stderr: "" };
}

/** Returns the result of a virsh call that fails with these messages. */
export function complaint(...lines: string[]): RunTextResult {
  return { exitCode: 1, stdout: "", stderr: lines.map((line) => `error: ${line}\n`).join("") };
}

/**
 * Fakes virsh. Answers by the words after its own options, such as `list --uuid`; keeps all words in `calls`.
 */
export function fakeVirsh(answers: Readonly<Record<string, RunTextResult | (() => Promise<RunTextResult>)>>) {
  const calls: string[][] = [];
  const environments: unknown[] = [];
  const runText: RunText = async (argv, { environment, signal }) => {
    signal.throwIfAborted();
    calls.push([...argv]);
    environments.push(environment);
    const words = argv
      .slice(argv.findIndex((word) => ["list", "dumpxml", "domstate"].includes(word.split(" ", 1)[0] ?? "")))
      .join(" ");
    const parts = await Promise.all(
      words.split("; ").map(async (part) => {
        const found = answers[part] ?? complaint(`no answer for ${part}`);
        return typeof found === "function" ? found() : found;
      }),
    );
    return {
      exitCode: parts.at(-1)?.exitCode ?? 0,
      stdout: parts.map(({ stdout }) => stdout).join(""),
      stderr: parts.map(({ stderr }) => stderr).join(""),
    };
  };
  return { runText, calls, environments };
}

/** Runs a real program, without limits. */
export const spawnText: RunText = async (argv, { environment }) => {
  const child = Bun.spawn([...argv], { env: environment, stdin: "ignore", stdout: "pipe", stderr: "pipe" });
  const [stdout, stderr, exitCode] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  return { exitCode, stdout, stderr };
};

/** Fakes a program that prints these lines and ends; keeps all words in `calls`. */
export function linesOf(...lines: string[]): { spawnLines: SpawnLines; calls: string[][] } {
  const calls: string[][] = [];
  const spawnLines: SpawnLines = async function* (argv) {
    calls.push([...argv]);
    yield* lines;
  };
  return { spawnLines, calls };
}
