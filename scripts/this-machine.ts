/** Inspects this machine and decides which of our binaries it can run. */
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename } from "node:path";
import { NegotiatorError } from "../src/errors.ts";
import { readElf } from "../src/roles/install/elf.ts";
import type { Elf } from "../src/roles/install/elf.ts";
import { isTargetName } from "../src/roles/install/targets.ts";
import type { Target, TargetName } from "../src/roles/install/targets.ts";

/** The facts about this machine. `interpreter` is the loader of the running Bun. */
export type ThisMachine = {
  platform: string;
  architecture: string;
  interpreter: string | undefined;
  hasAvx2: boolean;
  exists: (path: string) => boolean;
};

/** Reads the facts from the running Bun and from `/proc/cpuinfo`. */
export async function inspectThisMachine(): Promise<ThisMachine> {
  const { platform, arch: architecture, execPath } = process;
  const isLinux = platform === "linux";
  return {
    platform,
    architecture,
    interpreter: isLinux ? readElf(await readFile(execPath), execPath).interpreter : undefined,
    hasAvx2: isLinux && /^flags\s*:.*\bavx2\b/m.test(await readFile("/proc/cpuinfo", "utf8")),
    exists: existsSync,
  };
}

/** Returns the release target for this machine. Throws `UNSUPPORTED` if there is none. */
export function hostTarget(machine: ThisMachine): TargetName {
  const libc = basename(machine.interpreter ?? "").startsWith("ld-musl-") ? "-musl" : "";
  const cpu = machine.architecture === "x64" && !machine.hasAvx2 ? "-baseline" : "";
  const name = `${machine.platform}-${machine.architecture}${libc}${cpu}`;
  if (isTargetName(name)) return name;
  throw new NegotiatorError("UNSUPPORTED", `Cannot build for this machine: there is no target "${name}"`, {
    remedy: "Name one with --target",
  });
}

/** Returns why a binary cannot start here, undefined if it can. */
export function reasonNotToRun(target: Target, elf: Elf, machine: ThisMachine): string | undefined {
  if (machine.platform !== "linux" || machine.architecture !== target.architecture) {
    return `this machine is ${machine.platform}-${machine.architecture}`;
  }
  if (target.wantsAvx2 && !machine.hasAvx2) return "this CPU has no AVX2";
  if (elf.interpreter !== undefined && !machine.exists(elf.interpreter)) return `no ${elf.interpreter}`;
  // A glibc system with musl has musl's loader, but no libstdc++ for musl.
  const isWithoutCpp = target.libc === "musl" && !MUSL_CPP.some((path) => machine.exists(path));
  return isWithoutCpp ? "no libstdc++ for musl" : undefined;
}

/** The default search path of musl's loader. */
const MUSL_CPP = ["/lib/libstdc++.so.6", "/usr/local/lib/libstdc++.so.6", "/usr/lib/libstdc++.so.6"];
