/** Runs code in another process: as another user, in other namespaces, or by another program. */
import { copyFile, link, mkdir } from "node:fs/promises";
import { join } from "node:path";
import { until } from "./until.ts";

/** True if this process may become any other user. */
export const IS_ROOT = process.getuid?.() === 0;

/** `nobody`. */
export const OTHER_UID = 65_534;

/** Namespaces by words for unshare(1). Only root may make them all. */
export const FOREIGN_NAMESPACES = {
  user: ["unshare", "--user", "--map-root-user"],
  process: ["unshare", "--pid", "--fork", "--kill-child"],
} as const satisfies Record<string, readonly string[]>;

/** Another process. Disposal kills it. */
export type OtherProcess = AsyncDisposable & {
  readonly pid: number;
  /** Waits until it has printed `text`. */
  says(text: string): Promise<unknown>;
  /** All that it has printed. */
  printed(): string;
};

/**
 * How to start it. `uid`: the user that it becomes before its code runs. `wrap`: the words before its own,
 * such as those of `FOREIGN_NAMESPACES`.
 */
export type OtherOptions = { uid?: number; wrap?: readonly string[] };

/** Starts `code` under Bun. Paths of imports start at the root of the tree, as in `$ROOT/src/errors.ts`. */
export function startOther(code: string, { uid, wrap = [] }: OtherOptions = {}): OtherProcess {
  const text = code.replaceAll("$ROOT", join(import.meta.dir, "../.."));
  const become = uid === undefined ? "" : `process.setgid(${uid}); process.setuid(${uid});\n`;
  return startProgram([...wrap, process.execPath, "-e", become + text]);
}

/** Starts a program. */
export function startProgram(words: readonly string[]): OtherProcess {
  const child = Bun.spawn([...words], { stdin: "ignore", stdout: "pipe", stderr: "inherit" });
  let text = "";
  void (async () => {
    for await (const bytes of child.stdout) text += Buffer.from(bytes).toString();
  })();
  return {
    pid: child.pid,
    printed: () => text,
    says: (part) =>
      until(
        () => `process ${child.pid} says ${part}; it says: ${text}`,
        () => text.includes(part),
      ),
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await child.exited;
    },
  };
}

/**
 * Starts a process that listens at `path`, in place of what is there. It prints `connected` for each
 * connection, and `got` for bytes that come over one.
 */
export async function startListener(path: string, options: OtherOptions = {}): Promise<OtherProcess> {
  const listener = startOther(listenerCode(path), options);
  await listener.says("listens");
  return listener;
}

/** A process whose program has the name of a QEMU. `program` is the path of that file. */
export type FalseQemu = OtherProcess & { program: string };

/**
 * Starts a program called `qemu-system-x86_64` of `directory`, with these further words on its command line.
 * It listens at `path`, if there is one.
 */
export async function startFalseQemu(
  directory: string,
  words: readonly string[],
  { wrap = [], path }: Pick<OtherOptions, "wrap"> & { path?: string } = {},
): Promise<FalseQemu> {
  const program = join(directory, "qemu-system-x86_64");
  await mkdir(directory, { recursive: true });
  // A copy of the runtime would take a hundred megabytes.
  if (!(await Bun.file(program).exists()))
    await link(process.execPath, program).catch(() => copyFile(process.execPath, program));
  const code =
    path === undefined ? 'console.log("listens"); setInterval(() => {}, 1e6);' : listenerCode(path);
  const started = startProgram([...wrap, program, "-e", code, "--", ...words]);
  await started.says("listens");
  return { ...started, program };
}

function listenerCode(path: string): string {
  return `import { rmSync } from "node:fs";
    rmSync("${path}", { force: true });
    Bun.listen({ unix: "${path}", socket: {
      open() { console.log("connected"); },
      data() { console.log("got"); },
      close() { console.log("closed"); },
    } });
    console.log("listens");`;
}
