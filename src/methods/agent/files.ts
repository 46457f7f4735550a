/** `guest-file-open`, `-close`, `-read`, `-write`, `-seek`, `-flush`. */
import { realpath } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { releaseBytes } from "../../wire/released-bytes.ts";
import { base64, either, integer, invalid, optional, text, word } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { ANSWER_BYTES } from "./answer-bytes.ts";
import { errnoText } from "./errno-text.ts";
import type { KeptItems } from "./kept-items.ts";
import { FILE_MODES, openFile } from "./open-file.ts";
import type { OpenFile } from "./open-file.ts";

/** The files that clients have open, by handle. */
export type OpenFiles = KeptItems<OpenFile>;

const DEFAULT_COUNT = 4096n;
/** The most that a client may ask for. */
const MOST_COUNT = 48n * 1024n * 1024n;
const WHENCE = ["set", "cur", "end"] as const;

/** Options of the commands. */
export type FileOptions = {
  files: OpenFiles;
  /** Returns a number that was not a handle before, also not before a restart. */
  nextHandle: () => number;
  /** Returns whether the policy lets a client open a path in a mode. */
  isPathAllowed: (path: string, mode: string) => boolean;
};

/** Returns the commands. */
export function createFileCommands({ files, nextHandle, isPathAllowed }: FileOptions): AgentCommand[] {
  const find = (handle: bigint): OpenFile => {
    const file = files.find(handle);
    if (file === undefined) throw invalid(`handle '${handle}' has not been found`);
    return file;
  };
  return [
    defineAgentCommand({
      name: "guest-file-open",
      access: "ruled",
      args: { path: text, mode: optional(text) },
      // Only a path without links and ".." is what a rule may have meant, so `run` looks at links again.
      resource: ({ path, mode = "r" }) => ({ kind: "path", path: resolve("/", path), args: [mode] }),
      async run({ path, mode = "r" }) {
        const letters = mode.replace("b", "");
        const flags = Object.hasOwn(FILE_MODES, letters) ? FILE_MODES[letters] : undefined;
        if (flags === undefined) throw invalid(`invalid file open mode '${mode}'`);
        const action = `failed to open file '${path}' (mode: '${mode}')`;
        using place = files.reserve();
        if (place === undefined) throw failed(`${action}: Too many open files`);
        let file: OpenFile;
        try {
          if (path === "" || path.includes("\0")) throw missing();
          const real = await findRealPath(resolve("/", path));
          if (real !== resolve("/", path) && !isPathAllowed(real, mode))
            throw new NegotiatorError("DENIED", LEADS_ELSEWHERE);
          file = await openFile(real, flags);
        } catch (thrown) {
          if (thrown instanceof NegotiatorError) throw thrown;
          throw failed(`${action}: ${errnoText(thrown)}`);
        }
        const handle = nextHandle();
        place.keep(handle, file);
        return handle;
      },
    }),
    defineAgentCommand({
      name: "guest-file-close",
      access: "open",
      args: { handle: integer },
      async run({ handle }) {
        const file = find(handle);
        files.remove(handle);
        await tried("failed to close handle", () => file.close());
        return {};
      },
    }),
    defineAgentCommand({
      name: "guest-file-read",
      access: "open",
      args: { handle: integer, count: optional(integer) },
      async run({ handle, count = DEFAULT_COUNT }) {
        const file = find(handle);
        if (count < 0n || count > MOST_COUNT) throw wrongCount(count);
        const most = Math.min(Number(count), ANSWER_BYTES);
        const piece = await tried("failed to read file", () => file.read(most));
        return { count: piece.count, "buf-b64": piece.base64, eof: piece.isAtEnd };
      },
    }),
    defineAgentCommand({
      name: "guest-file-write",
      access: "open",
      args: { handle: integer, "buf-b64": base64, count: optional(integer) },
      async run({ handle, "buf-b64": bytes, count = BigInt(bytes.length) }) {
        const file = find(handle);
        if (count < 0n || count > bytes.length) throw wrongCount(count);
        await tried("failed to write to file", () => file.write(bytes.subarray(0, Number(count))));
        releaseBytes(bytes);
        return { count, eof: false };
      },
    }),
    defineAgentCommand({
      name: "guest-file-seek",
      access: "open",
      args: { handle: integer, offset: integer, whence: either(integer, word(...WHENCE)) },
      async run({ handle, offset, whence }) {
        const file = find(handle);
        const from = typeof whence === "string" ? whence : WHENCE[Number(whence)];
        if (from === undefined) throw invalid(`invalid whence code ${whence}`);
        return { position: await tried("failed to seek file", () => file.seek(offset, from)), eof: false };
      },
    }),
    defineAgentCommand({
      name: "guest-file-flush",
      access: "open",
      args: { handle: integer },
      run({ handle }) {
        // Nothing is held back here.
        find(handle);
        return {};
      },
    }),
  ];
}

const LEADS_ELSEWHERE = "A link leads to a path that no rule of the policy allows";

function wrongCount(count: bigint): Error {
  return invalid(`value '${count}' is invalid for argument count`);
}

function missing(): Error {
  return Object.assign(new Error("No such file or directory"), { code: "ENOENT" });
}

/** Returns the path without links. Its last part may be missing. */
async function findRealPath(path: string): Promise<string> {
  const whole = await realpath(path).catch(() => undefined);
  return whole ?? join(await realpath(dirname(path)), basename(path));
}

async function tried<Value>(action: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (thrown) {
    throw failed(`${action}: ${errnoText(thrown)}`);
  }
}
