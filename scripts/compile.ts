/** Compiles one binary that takes no settings or code from the directory it is started in. */
import { basename, join } from "node:path";
import { NegotiatorError } from "../src/errors.ts";
import { TARGETS } from "../src/roles/install/targets.ts";
import type { TargetName } from "../src/roles/install/targets.ts";
import { formatStamp, VERSION } from "../src/version.ts";

/**
 * The input of one build. `root` is the repository, and has `src/main.ts`. Compile with `root` as the working
 * directory: stack traces have paths relative to it.
 */
export type Compilation = {
  root: string;
  target: TargetName;
  commit: string;
  /** The path of the executable. The compiler also leaves source maps beside it, which are not needed. */
  outfile: string;
  /** Other versions of the state of a daemon than those of the source, for tests of upgrades. */
  states?: { min: number; max: number };
};

/** Writes the executable. Throws `INTERNAL` with the compiler's messages and their positions. */
export async function compile({ root, target, commit, outfile, states }: Compilation): Promise<void> {
  const { success, logs } = await Bun.build({
    entrypoints: [join(root, "src/main.ts")],
    root,
    compile: {
      target: TARGETS[target].compile,
      outfile,
      // Otherwise a root process would run code and read settings from its working directory.
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
      // Without any option here, the runtime does not start where the working directory was removed.
      execArgv: ["--no-deprecation"],
      // A function is compiled after ten times as many calls. Most functions of a command line run so few
      // times that compiling them costs more than it saves.
      jitPolicy: 10,
    },
    // Otherwise the builder's environment would be part of the release.
    env: "disable",
    define: {
      NEGOTIATOR_STAMP: JSON.stringify(formatStamp({ version: VERSION, commit, target })),
      ...(states && { NEGOTIATOR_STATE_VERSIONS: JSON.stringify(states) }),
    },
    // Without it, all modules of Bun that any of our files imports would load at every start.
    splitting: true,
    minify: true,
    // Bytecode halves the start time and adds 1.5 MB. It is the same for all architectures.
    bytecode: true,
    format: "esm",
    // The source map adds 80 KB, and stack traces in bug reports then have our files and lines.
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
