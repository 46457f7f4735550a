/** Tests the choice of the target for a machine, and of the binaries it can run. */
import { describe, expect, test } from "bun:test";
import { LOADERS, TARGETS } from "../../src/roles/install/targets.ts";
import type { TargetName } from "../../src/roles/install/targets.ts";
import { hostTarget, inspectThisMachine, reasonNotToRun } from "../../scripts/this-machine.ts";
import type { ThisMachine } from "../../scripts/this-machine.ts";

function machine(differences: Partial<ThisMachine> = {}): ThisMachine {
  const interpreter = LOADERS.glibc.x64;
  return {
    platform: "linux",
    architecture: "x64",
    interpreter,
    hasAvx2: true,
    exists: (path) => path === interpreter,
    ...differences,
  };
}

describe("hostTarget", () => {
  const cases: [TargetName, Partial<ThisMachine>][] = [
    ["linux-x64", {}],
    ["linux-x64-baseline", { hasAvx2: false }],
    ["linux-x64-musl", { interpreter: LOADERS.musl.x64 }],
    ["linux-x64-musl-baseline", { interpreter: LOADERS.musl.x64, hasAvx2: false }],
    ["linux-arm64", { architecture: "arm64", interpreter: LOADERS.glibc.arm64, hasAvx2: false }],
    ["linux-arm64-musl", { architecture: "arm64", interpreter: LOADERS.musl.arm64, hasAvx2: false }],
  ];
  for (const [name, differences] of cases) {
    test(`hostTarget returns ${name}`, () => expect(hostTarget(machine(differences))).toBe(name));
  }

  for (const differences of [{ platform: "darwin", architecture: "arm64" }, { architecture: "riscv64" }]) {
    test(`hostTarget throws for ${JSON.stringify(differences)}`, () => {
      expect(() => hostTarget(machine(differences))).toThrow(
        "Cannot build for this machine: there is no target",
      );
    });
  }

  test("hostTarget returns a target with this machine's architecture", async () => {
    const here = await inspectThisMachine();
    expect(TARGETS[hostTarget(here)].architecture as string).toBe(process.arch);
  });
});

describe("reasonNotToRun", () => {
  test("reasonNotToRun returns undefined for binaries of this machine's kind", () => {
    expect(reason("linux-x64", machine())).toBeUndefined();
    expect(reason("linux-x64-baseline", machine({ hasAvx2: false }))).toBeUndefined();
  });

  test("reasonNotToRun reports another architecture or system, an old CPU, and a missing loader", () => {
    expect(reason("linux-arm64", machine())).toBe("this machine is linux-x64");
    expect(reason("linux-x64", machine({ platform: "darwin" }))).toBe("this machine is darwin-x64");
    expect(reason("linux-x64", machine({ hasAvx2: false }))).toBe("this CPU has no AVX2");
    expect(reason("linux-x64-musl", machine())).toBe(`no ${LOADERS.musl.x64}`);
  });

  test("reasonNotToRun reports a missing libstdc++ for musl", () => {
    expect(reason("linux-x64-musl", withFiles(LOADERS.musl.x64))).toBe("no libstdc++ for musl");
    expect(reason("linux-x64-musl", withFiles(LOADERS.musl.x64, "/usr/lib/libstdc++.so.6"))).toBeUndefined();
  });
});

function withFiles(...files: string[]): ThisMachine {
  return machine({ exists: (path) => files.includes(path) });
}

function reason(name: TargetName, here: ThisMachine): string | undefined {
  const target = TARGETS[name];
  const { architecture, libc } = target;
  const elf = { architecture, interpreter: LOADERS[libc][architecture], libraries: [], versionNeeds: [] };
  return reasonNotToRun(target, elf, here);
}
