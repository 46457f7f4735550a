/** Finds out what is wrong with an executable file that the system does not start. */
import { accessSync, constants, statSync } from "node:fs";
import type { FaultCode } from "../errors.ts";
import { shellWord } from "../shell-word.ts";

/**
 * The reason of a failed start. `problem` and `remedy` are for the machine's administrator. A caller at the
 * other end gets `reason`; without a `reason`, it gets `problem`, which then reveals nothing of the machine.
 * `isForCaller`: the caller can follow the remedy and gets it too.
 */
export type StartFault = {
  code: FaultCode;
  problem: string;
  reason?: string;
  remedy?: string;
  isForCaller?: boolean;
};

/** Explains execve's ENOENT: the file, its loader or its interpreter is missing. */
export async function explainMissingFile(path: string): Promise<StartFault> {
  if (!isThere(path)) return { code: "NO_COMMAND", problem: "no such file", reason: "its file was removed" };
  const interpreter = interpreterIn(await readHead(path));
  if (interpreter === undefined) {
    return {
      code: "NOT_EXECUTABLE",
      problem: "the file is there, but the loader it was linked for is missing",
      remedy: `Install the C library it needs; find its name: file ${shellWord(path)}`,
    };
  }
  if (interpreter.endsWith("\r")) {
    return {
      code: "NOT_EXECUTABLE",
      problem: `the file is there, but its "#!" line ends with a carriage return`,
      remedy: `Give it Unix line ends: sed -i 's/\\r$//' ${shellWord(path)}`,
    };
  }
  return {
    code: "NOT_EXECUTABLE",
    problem: `the file is there, but its interpreter "${interpreter}" is missing`,
    reason: "its interpreter is missing",
    remedy: `Install the interpreter, or correct the "#!" line`,
  };
}

/** Explains execve's EACCES for a command that was to run as `user`; undefined is our own user. */
export function explainForbidden(path: string, user?: { uid: number; gid: number }): StartFault {
  const code = "NOT_EXECUTABLE";
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    return { code, problem: "it is a directory" };
  if (user === undefined && !isExecutable(path)) {
    return { code, problem: "it has no executable bit", remedy: `Set it with: chmod 755 ${shellWord(path)}` };
  }
  return {
    code,
    reason: "permission denied",
    problem: `permission denied${user === undefined ? "" : ` for user ${user.uid}, group ${user.gid}`}`,
    remedy:
      'Check its mode, its "#!" interpreter, its directories and noexec mounts: ' +
      `namei -l ${shellWord(path)}`,
  };
}

/** Explains execve's ENOEXEC: neither a program for this machine nor a script that names its interpreter. */
export async function explainFormat(path: string): Promise<StartFault> {
  const head = await readHead(path);
  if (head.startsWith("\u007fELF")) {
    return { code: "NOT_EXECUTABLE", problem: "it is damaged, or was built for another kind of machine" };
  }
  return {
    code: "NOT_EXECUTABLE",
    problem: `it has no "#!" line that names its interpreter`,
    remedy: `Add a first line such as: #!/bin/sh`,
  };
}

function interpreterIn(head: string): string | undefined {
  return /^#![ \t]*([^ \t\n]+)/.exec(head)?.[1];
}

/** The kernel reads no more of the first line (BINPRM_BUF_SIZE). */
const HEAD_BYTES = 256;

async function readHead(path: string): Promise<string> {
  try {
    return await Bun.file(path).slice(0, HEAD_BYTES).text();
  } catch {
    return "";
  }
}

function isThere(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
