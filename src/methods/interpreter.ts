/** Checks the programs that a command starts with: its interpreter, and the directories of its PATH. */
import { join } from "node:path";
import type { Stats } from "node:fs";
import { printable } from "../printable.ts";
import { decodeUtf8, showBytes } from "../strict/utf8.ts";
import type { Eyes } from "../trust/look.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { judgeFile, judgePath } from "../trust/path-trust.ts";

/** The PATH of every command. */
export const COMMAND_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** Returns what is wrong with the first directory of the PATH that others could write to. */
export function findSearchPathFault(uid: number, eyes: Eyes): TrustFault | undefined {
  for (const directory of COMMAND_PATH.split(":")) {
    const fault = judgeProgramPath(directory, uid, eyes).fault;
    if (fault !== undefined) return explain("a directory of its PATH", directory, fault);
  }
  return undefined;
}

/**
 * Returns what is wrong with the interpreters of the script at `place`, which has that status: the program
 * of its `#!` line, that program's own, and the one that `env` looks up in the PATH. Undefined for a program
 * without one, and for a missing interpreter that others cannot put there: the start then fails.
 */
export function findInterpreterFault(
  place: string,
  status: Stats,
  uid: number,
  eyes: Eyes,
): TrustFault | undefined {
  let at = place;
  for (let depth = 0; depth <= MOST_INTERPRETERS; depth++) {
    const words = interpreterIn(eyes.contentOf(at, HEAD_BYTES));
    if (words === undefined) return undefined;
    const programs = "unknown" in words ? [words.path] : [words.path, ...findByEnv(words, uid, eyes)];
    let next: string | undefined;
    for (const program of programs) {
      const way = judgeProgramPath(program, uid, eyes);
      const fault =
        way.fault ??
        (way.status?.isFile() === true ? judgeFile(way.place, way.status, uid, eyes) : undefined);
      if (fault !== undefined) return explain("its interpreter", program, fault);
      if (way.status?.isFile() === true) next = way.place;
    }
    if ("unknown" in words) return unknownProgram(words.unknown);
    if (next === undefined) return undefined;
    at = next;
  }
  // The kernel does not start it either.
  return status.isFile() ? undefined : unknownProgram("more interpreters than the system takes");
}

/** The kernel reads no more of the first line (BINPRM_BUF_SIZE), and takes no more scripts in a row. */
const HEAD_BYTES = 256;
const MOST_INTERPRETERS = 5;

/** `argument` is all that follows the path. `unknown` is a part that this program cannot read. */
type Interpreter = { path: string; name?: string } | { path: string; unknown: string };

function interpreterIn(head: Uint8Array): Interpreter | undefined {
  if (head[0] !== HASH || head[1] !== BANG) return undefined;
  const end = head.indexOf(LINE_END);
  const bytes = head.subarray(2, end === -1 ? undefined : end);
  const line = decodeUtf8(bytes);
  if (line === undefined) return { path: "/", unknown: showBytes(bytes) };
  const [, path, argument = ""] = /^[ \t]*([^ \t]+)[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
  if (path === undefined) return undefined;
  // A relative path starts at the command's working directory.
  const absolute = join("/", path);
  if (!/(?:^|\/)env$/.test(path) || argument === "") return { path: absolute };
  const name = programOfEnv(argument);
  return name === undefined ? { path: absolute, unknown: argument } : { path: absolute, name };
}

/** Returns the program that `env` starts. The kernel passes all that follows as one argument. */
function programOfEnv(argument: string): string | undefined {
  const split = /^(?:-S|--split-string=?)[ \t]*(.*)$/.exec(argument)?.[1];
  if (split === undefined) return argument.startsWith("-") || argument.includes("=") ? undefined : argument;
  // Quotes, variables and options could make another word of it.
  if (/["'\\$#]/.test(split)) return undefined;
  const word = split.split(/[ \t]+/).find((part) => !part.includes("=") && part !== "-i");
  return word === undefined || word.startsWith("-") || /(?:^|\s)PATH=/.test(split) ? undefined : word;
}

function findByEnv({ name }: { name?: string }, uid: number, eyes: Eyes): string[] {
  if (name === undefined) return [];
  if (name.includes("/")) return [join("/", name)];
  for (const directory of COMMAND_PATH.split(":")) {
    const path = join(directory, name);
    const { status } = judgeProgramPath(path, uid, eyes);
    if (status?.isFile() === true && (status.mode & EXECUTABLE) !== 0) return [path];
  }
  return [];
}

const EXECUTABLE = 0o111;
const HASH = 0x23;
const BANG = 0x21;
const LINE_END = 0x0a;

type Program = { fault: TrustFault | undefined; place: string; status: Stats | undefined };

function judgeProgramPath(path: string, uid: number, eyes: Eyes): Program {
  const way = judgePath(path, { uid, groups: "own" }, eyes);
  if (way.fault !== undefined || way.status !== undefined || !way.isOpen) return way;
  const problem = `nothing is there, and others may put something there`;
  return {
    ...way,
    fault: { problem, publicProblem: "can be replaced by others", remedy: "Name another one" },
  };
}

function explain(what: string, path: string, { problem, publicProblem, remedy }: TrustFault): TrustFault {
  const isWritten = publicProblem === "cannot be reached" ? publicProblem : "can be replaced by others";
  return {
    problem: `${what}, "${printable(path)}", is not safe: ${problem}`,
    publicProblem: `has an interpreter or a PATH that ${isWritten}`,
    remedy,
  };
}

function unknownProgram(words: string): TrustFault {
  return {
    problem: `its "#!" line has "${printable(words)}", so its interpreter cannot be known`,
    publicProblem: "has an interpreter that cannot be checked",
    remedy: 'Write the path of the interpreter into its "#!" line',
  };
}
