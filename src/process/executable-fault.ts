/**
 * Finds out what is wrong with an executable file that the system does not start. It looks at files, and
 * waits for their file systems.
 */
import { accessSync, constants, statSync } from "node:fs";
import type { FaultCode } from "../errors.ts";
import { shellWord } from "../shell-word.ts";
import { readHead } from "./started-files.ts";

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

/** The start that failed, without what its files cannot explain. */
export type FaultPlace = { path: string; cwd: string; user?: { uid: number; gid: number } };

/** The errors of execve(2) that a look at the files explains. */
export type FileErrno = "ENOENT" | "ENOTDIR" | "EACCES" | "ENOEXEC";

/** Explains such an error. */
export function explainFiles(errno: FileErrno, { path, cwd, user }: FaultPlace): StartFault {
  switch (errno) {
    case "ENOENT":
    case "ENOTDIR":
      // execve gives ENOENT for a missing interpreter too, and Bun for a missing working directory.
      return isDirectory(cwd) ? explainMissingFile(path) : missingDirectory(cwd);
    case "EACCES":
      return explainForbidden(path, user);
    case "ENOEXEC":
      return explainFormat(path);
    default:
      return errno;
  }
}

function missingDirectory(cwd: string): StartFault {
  return {
    code: "INTERNAL",
    problem: `its working directory "${cwd}" is not a directory`,
    reason: "its working directory is missing",
    remedy: "Make that directory, or configure another one",
  };
}

function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** The file, its loader or its interpreter is missing. */
function explainMissingFile(path: string): StartFault {
  if (!isThere(path)) return { code: "NO_COMMAND", problem: "no such file", reason: "its file was removed" };
  const interpreter = interpreterIn(readStart(path));
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

/** The command was to run as `user`; undefined is our own user. */
function explainForbidden(path: string, user?: { uid: number; gid: number }): StartFault {
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

/** It is neither a program for this machine nor a script that names its interpreter. */
function explainFormat(path: string): StartFault {
  const head = readStart(path);
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

function readStart(path: string): string {
  return readHead(path)?.subarray(0, HEAD_BYTES).toString() ?? "";
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
