/** The shape of a house rule, and what several rules share. */
import type { SourceFile } from "./source-tree.ts";

/**
 * `message` says what is wrong and what to do. `path` is a file, or a folder for a rule about a whole folder.
 */
export type Violation = { path: string; line: number; message: string };

/** Returns every place in `files` that breaks the rule. */
export type HouseRule = (files: readonly SourceFile[]) => Violation[] | Promise<Violation[]>;

/** The files of the program itself. */
export function sources(files: readonly SourceFile[]): SourceFile[] {
  return files.filter(({ path }) => path.startsWith("src/"));
}
