/** The manual pages and the completions of shells. */
import { basename } from "node:path";
import type { ManualFile } from "../cli/manual/manual-file.ts";
import type { Entry } from "./entry.ts";

/** Returns an entry for each file, below `/usr/local`. */
export function manualEntries(files: readonly ManualFile[]): Entry[] {
  return files.map(({ path, content: text }) => ({
    kind: "file",
    path: `/usr/local/${path}`,
    mode: 0o644,
    content: { text, printedBy: printedBy(path) },
    why: "for man and for the shell",
    oneOf: "manual pages and completions",
    isOptional: true,
  }));
}

function printedBy(path: string): string[] {
  if (path.startsWith("share/man/")) return ["man", basename(path).replace(/\.\d$/, "")];
  return ["completion", SHELLS.find((shell) => path.includes(`/${shell}`)) ?? "zsh"];
}

const SHELLS = ["bash", "fish", "zsh"];
