/** Compiles one binary: what goes in, and what it must not pick up from where it is started. */
import { basename, join } from "node:path";
import { NegotiatorError } from "../src/errors.ts";
import { TARGETS } from "./targets.ts";
import type { TargetName } from "./targets.ts";

/**
 * Every file that a `new Worker(new URL("./NAME.ts", import.meta.url).href)` starts, relative to the repository: a
 * worker is not found by following imports. They lie side by side in the binary, so each needs a file name of its own.
 */
export const WORKERS: readonly string[] = ["src/channels/port/port-poller.ts"];

/** `root` is the repository: `src/main.ts` and `workers` are relative to it. Run there, else stack traces name files oddly. */
export type Compilation = {
  root: string;
  workers: readonly string[];
  target: TargetName;
  commit: string;
  /** Where the executable goes; source map files that nobody needs are left beside it. */
  outfile: string;
};

/** Throws `INTERNAL` with the compiler's own messages, each with its place. */
export async function compile({ root, workers, target, commit, outfile }: Compilation): Promise<void> {
  const { success, logs } = await Bun.build({
    entrypoints: ["src/main.ts", ...workers].map((path) => join(root, path)),
    root,
    // Bundled code lives at the top of the binary's own file system, so a worker's `./NAME.ts` is looked up there.
    naming: { entry: "[name].[ext]" },
    compile: {
      target: TARGETS[target].compile,
      outfile,
      // Without these a root process would run code and take settings from the directory it is started in.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    // The builder's environment stays out of the release.
    env: "disable",
    define: {
      NEGOTIATOR_COMMIT: JSON.stringify(commit),
      NEGOTIATOR_TARGET: JSON.stringify(target),
    },
    minify: true,
    // Halves the start time for 1.5 MB. The bytecode is the same for all architectures.
    bytecode: true,
    format: "esm",
    // Goes into the binary (80 KB): a stack in a bug report names our files and lines, not minified columns.
    sourcemap: "linked",
    throw: false,
  });
  if (success) return;
  const problems = logs.map(describeProblem).join("\n  ");
  throw new NegotiatorError("INTERNAL", `Cannot compile "${basename(outfile)}":\n  ${problems}`);
}

function describeProblem({ message, position }: BuildMessage | ResolveMessage): string {
  return position === null ? message : `${position.file}:${position.line}:${position.column}: ${message}`;
}
