/** Finds why an installed program cannot start: it is broken, or of another machine. */
import { stat } from "node:fs/promises";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";
import { readElfHead } from "./elf.ts";
import { existsInRoot, placeInRoot } from "./place-in-root.ts";

/** `remedy` is undefined if only another file helps. A script may be one that starts the program. */
export type ProgramFault = { problem: string; remedy: string | undefined; isScript: boolean };

/** The machine that is to run it: `root` is `/` for this one, or the directory of a mounted image. */
type Place = { root: string; architecture: string };

/** Enough for the program headers and the name of the loader. */
const HEAD_BYTES = 64 * 1024;
const EXECUTABLE = 0o111;

/** Resolves with the fault of the program at `path` of a machine; undefined if it can start or is missing. */
export async function findProgramFault(
  path: string,
  { root, architecture }: Place,
): Promise<ProgramFault | undefined> {
  const place = placeInRoot(root, path, { last: true });
  const status = await stat(place).catch(ifMissing);
  if (status === undefined) return undefined;
  if (!status.isFile()) return broken("it is not a regular file");
  if ((status.mode & EXECUTABLE) === 0)
    return { ...broken("it is not executable"), remedy: `Make it executable: chmod 755 ${shellWord(place)}` };
  if (status.size === 0) return broken("it is empty");
  const head = await Bun.file(place).slice(0, HEAD_BYTES).bytes();
  if (Buffer.from(head).toString("latin1", 0, 2) === "#!")
    return { ...broken("it is a script"), isScript: true };
  try {
    const elf = readElfHead(head, place);
    if (elf.architecture !== architecture)
      return broken(`it is for ${elf.architecture}, and the machine is ${architecture}`);
    if (status.size < elf.endBytes)
      return broken(`it is cut off: it has ${status.size} of at least ${elf.endBytes} bytes`);
    if (elf.interpreter !== undefined && !existsInRoot(root, elf.interpreter))
      return broken(`it is for another C library: its loader ${elf.interpreter} is not there`);
    return undefined;
  } catch (thrown) {
    const [text = ""] = NegotiatorError.from(thrown).message.split("\n");
    return broken(text.replace(/^.*? as an ELF program: /, "it is not a program: "));
  }
}

function broken(problem: string): ProgramFault {
  return { problem, remedy: undefined, isScript: false };
}

function ifMissing(thrown: unknown): undefined {
  if (!["ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) throw thrown;
}
