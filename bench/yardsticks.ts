/** Compiles the bare programs that the binary is compared with, as the binary itself is compiled. */
import { join } from "node:path";

/** The names of the programs, which are files of `bench/programs/`. */
export type YardstickName = "empty" | "idle" | "relay" | "port-copy";

/** Returns the path of a compiled program. */
export type Yardsticks = (name: YardstickName) => Promise<string>;

/** Compiles each program into `directory` when it is asked for the first time. */
export function createYardsticks(directory: string): Yardsticks {
  const compiled = new Map<YardstickName, Promise<string>>();
  return (name) => {
    const path = compiled.get(name) ?? compile(name, directory);
    compiled.set(name, path);
    return path;
  };
}

async function compile(name: YardstickName, directory: string): Promise<string> {
  const outfile = join(directory, name);
  await Bun.build({
    entrypoints: [join(import.meta.dir, `programs/${name}.ts`)],
    compile: {
      outfile,
      autoloadBunfig: false,
      autoloadDotenv: false,
      autoloadTsconfig: false,
      autoloadPackageJson: false,
    },
    minify: true,
    bytecode: true,
    format: "esm",
  });
  return outfile;
}
