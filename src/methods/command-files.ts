/** Judges one directory of commands: its files, their settings, and what they start with. */
import { join } from "node:path";
import { errnoOf, NegotiatorError } from "../errors.ts";
import type { FaultCode } from "../errors.ts";
import { printable } from "../printable.ts";
import { decodeUtf8, showBytes } from "../strict/utf8.ts";
import { createEyes, Elsewhere } from "../trust/look.ts";
import type { Eyes, EyesOptions, Seen } from "../trust/look.ts";
import { isLocal, readMounts } from "../trust/mounts.ts";
import type { TrustFault } from "../trust/ownership.ts";
import { isCommandName, SETTINGS_ENDING } from "./command-name.ts";
import { COMMENT_BYTES, commentIn, readDescription } from "./describe.ts";
import type { CommandDescription } from "./describe.ts";
import { inspectDirectory, inspectFile } from "./inspect.ts";
import { findInterpreterFault, findSearchPathFault } from "./interpreter.ts";
import type { Pin } from "./pin.ts";
import { pinsOf, uniquePins } from "./pin.ts";
import { cannotRun, fullErrorOf } from "./public-error.ts";

/** The options of a judgement of a directory. All of it is JSON. */
export type DirectoryQuestion = {
  directory: string;
  /** Our own user id. Root and this user may own commands. */
  uid: number;
  /** Patterns of further names. */
  moreNames: readonly string[];
  /** Whether the commands run on another machine, with the interpreters and the PATH of that one. */
  runElsewhere?: boolean | undefined;
  /** The fault of the PATH of all commands. */
  pathFault?: TrustFault | undefined;
  /** Judges only the files of these names, wherever a look leads. */
  names?: readonly string[];
};

/** Why a file must not be run. `reason` follows `Cannot run "NAME": ` and is public, `full` is not. */
export type CommandRefusal = { code: FaultCode; reason: string; full: string };

/**
 * A file with the name of a command, as data. `plain`: it is not executable. `pins` is what the verdict rests
 * on; `script` is the same for a program that got another name.
 */
export type CommandFile = { name: string; path: string; pins: readonly Pin[] } & (
  | { kind: "usable"; script: string; description: CommandDescription }
  | { kind: "plain" | "unsafe"; refusal: CommandRefusal }
);

/**
 * A judged directory. `problems` are its own, each an error's message. `pins` is what the list of its names
 * rests on. `elsewhere` are names of files that were not judged, because a look could hang.
 */
export type CommandDirectory = {
  directory: string;
  files: readonly CommandFile[];
  elsewhere: readonly string[];
  refusedNames: readonly string[];
  problems: readonly string[];
  pins: readonly Pin[];
};

/**
 * Returns the judged directory. Throws `Elsewhere` if a look could hang and `looks.onlyLocal` is set, and the
 * errors of the file system for a directory that cannot be read.
 */
export function judgeDirectory(
  question: DirectoryQuestion,
  looks: Pick<EyesOptions, "groupOf" | "onlyLocal">,
): CommandDirectory {
  const { directory, uid, pathFault } = question;
  const mounts = readMounts();
  const seen: Seen = new Map();
  const eyes = createEyes({ ...looks, seen, mounts });
  const { fault: directoryFault, place, status } = inspectDirectory(directory, uid, eyes);
  const way = pinsOf(seen);
  const nothing = { directory, files: [], elsewhere: [], refusedNames: [], problems: [], pins: way };
  if (status === undefined) return nothing;
  const { names, refusedNames, unreadable } = readNames(question, place, eyes);
  const elsewhere: string[] = [];
  // One file that leads to a file system that hangs must not hold up all others.
  const onlyLocal = looks.onlyLocal || (question.names === undefined && isLocal(mounts.find(place)));
  const files = names.flatMap((name) => {
    const fileSeen: Seen = new Map();
    const fileEyes = createEyes({ ...looks, onlyLocal, seen: fileSeen, mounts });
    try {
      const file = judgeFile({ ...question, name, place }, directoryFault, pathFault, fileEyes);
      // The way may have changed between the two looks, and then the first one counts.
      return file === undefined ? [] : [{ ...file, pins: uniquePins([...way, ...pinsOf(fileSeen)]) }];
    } catch (thrown) {
      if (!(thrown instanceof Elsewhere)) throw thrown;
      elsewhere.push(name);
      return [];
    }
  });
  const isUnsafe = directoryFault !== undefined && names.length > 0;
  const problems = [
    ...unreadable,
    ...(isUnsafe ? [explainDirectory(directory, directoryFault).message] : []),
  ];
  return { directory, files, elsewhere, refusedNames, problems, pins: pinsOf(seen) };
}

/** The PATH of all commands: what is wrong with it, and what that rests on. */
export type SearchPath = { fault?: TrustFault; pins: readonly Pin[] };

/** Returns the judged PATH. Throws `Elsewhere` as `judgeDirectory` does. */
export function judgeSearchPath(uid: number, looks: Pick<EyesOptions, "groupOf" | "onlyLocal">): SearchPath {
  const seen: Seen = new Map();
  const fault = findSearchPathFault(uid, createEyes({ ...looks, seen }));
  return { ...(fault !== undefined && { fault }), pins: pinsOf(seen) };
}

type Judged = { kind: "usable"; script: string; description: CommandDescription; name: string; path: string };
type Refused = { kind: "plain" | "unsafe"; refusal: CommandRefusal; name: string; path: string };

function judgeFile(
  { directory, place, name, uid, runElsewhere }: DirectoryQuestion & { name: string; place: string },
  directoryFault: TrustFault | undefined,
  pathFault: TrustFault | undefined,
  eyes: Eyes,
): Judged | Refused | undefined {
  const path = join(directory, name);
  const at = join(place, name);
  const refuse = (error: NegotiatorError, kind: "plain" | "unsafe" = "unsafe"): Refused => {
    const reason = error.message.replace(`Cannot run "${name}": `, "");
    return { name, path, kind, refusal: { code: error.code, reason, full: fullErrorOf(error).message } };
  };
  try {
    const state = inspectFile(path, at, uid, eyes);
    if (state.kind === "absent") return undefined;
    if (directoryFault !== undefined) {
      const reason = `the directory it is in ${directoryFault.publicProblem}`;
      return refuse(cannotRun(name, reason, explainDirectory(directory, directoryFault)));
    }
    if (state.kind !== "usable") return refuse(state.error, state.kind);
    const description = describe(path, at, uid, eyes);
    const { place: script, status } = state;
    const fault =
      runElsewhere === true ? undefined : (pathFault ?? findInterpreterFault(script, status, uid, eyes));
    if (fault !== undefined) {
      const { problem, publicProblem, remedy } = fault;
      const full = new NegotiatorError("NOT_EXECUTABLE", `Cannot run "${path}": ${problem}`, { remedy });
      return refuse(cannotRun(name, `it ${publicProblem}`, full));
    }
    const comment = description.description ?? commentIn(eyes.contentOf(script, COMMENT_BYTES));
    return {
      name,
      path,
      kind: "usable",
      // A new file may get the inode of one that was removed, but was born later.
      script: `${status.dev}:${status.ino}:${status.birthtimeMs}`,
      description: { ...description, ...(comment !== undefined && { description: comment }) },
    };
  } catch (thrown) {
    if (thrown instanceof Elsewhere) throw thrown;
    if (thrown instanceof UnusableDescription)
      return refuse(cannotRun(name, `its file ${name}.toml has a mistake`, thrown.full));
    return refuse(cannotRun(name, "it cannot be read", explainUnreadable(path, thrown)));
  }
}

class UnusableDescription extends Error {
  readonly full: NegotiatorError;

  constructor(thrown: unknown) {
    super("A description cannot be used");
    this.full = NegotiatorError.from(thrown);
  }
}

function describe(path: string, at: string, uid: number, eyes: Eyes): CommandDescription {
  try {
    return readDescription(path, uid, eyes, at);
  } catch (thrown) {
    throw thrown instanceof Elsewhere ? thrown : new UnusableDescription(thrown);
  }
}

function explainUnreadable(path: string, thrown: unknown): NegotiatorError {
  if (thrown instanceof NegotiatorError) return thrown;
  const isForbidden = errnoOf(thrown) === "EACCES";
  const problem = isForbidden ? "this user may not read it" : NegotiatorError.from(thrown).message;
  return new NegotiatorError("NOT_EXECUTABLE", `Cannot run "${path}": ${problem}`);
}

const EXECUTABLE = 0o111;

/** `unreadable` are the problems with names that are not UTF-8, each an error's message. */
type Names = { names: string[]; refusedNames: string[]; unreadable: string[] };

function readNames(
  { directory, moreNames, names: asked }: DirectoryQuestion,
  place: string,
  eyes: Eyes,
): Names {
  const found: Names = { names: [], refusedNames: [], unreadable: [] };
  if (asked !== undefined) return { ...found, names: [...asked] };
  for (const bytes of eyes.entriesOf(place)) {
    const name = decodeUtf8(bytes);
    if (name === undefined) {
      const shown = showBytes(bytes);
      if (!shown.startsWith(".")) found.unreadable.push(explainName(directory, shown));
    } else if (isCommandName(name, moreNames)) found.names.push(name);
    else if (!name.endsWith(SETTINGS_ENDING) && isExecutable(join(place, name), eyes))
      found.refusedNames.push(name);
  }
  found.names.sort();
  found.refusedNames.sort();
  return found;
}

/** Other files, such as notes, are not meant as commands. A link may lead to one. */
function isExecutable(path: string, eyes: Eyes): boolean {
  const status = eyes.statusOf(path);
  return status?.isSymbolicLink() === true || (status?.isFile() === true && (status.mode & EXECUTABLE) !== 0);
}

function explainName(directory: string, shown: string): string {
  const place = `"${printable(shown)}" in "${printable(directory)}"`;
  const message = `Cannot use the file ${place}: its name is not UTF-8`;
  return new NegotiatorError("NOT_EXECUTABLE", message, { remedy: "Rename it" }).message;
}

function explainDirectory(path: string, { problem, remedy }: TrustFault): NegotiatorError {
  const message = `Cannot use commands in "${printable(path)}": ${problem}`;
  return new NegotiatorError("NOT_EXECUTABLE", message, { remedy });
}
