/** Programs that cannot start: each fault is planted in a copy of a real program. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { findProgramFault } from "../../../src/roles/install/program-fault.ts";
import { makePlan } from "../../../src/roles/install/plan.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let place: TemporaryDirectory;
let real: Uint8Array;
beforeAll(async () => {
  place = await createTemporaryDirectory();
  real = await Bun.file("/bin/sh").bytes();
});
afterAll(() => place[Symbol.asyncDispose]());

/** Writes a program into the image, and returns why it cannot start. */
async function faultOf(bytes: Uint8Array | string, mode = 0o755): Promise<string | undefined> {
  await Bun.write(place.at("usr/bin/negotiator"), bytes);
  await chmod(place.at("usr/bin/negotiator"), mode);
  return (await findProgramFault("/usr/bin/negotiator", { root: place.path, architecture: process.arch }))
    ?.problem;
}

/** The other architecture's number stands in the header. */
function ofOtherMachine(): Uint8Array {
  const copy = real.slice();
  new DataView(copy.buffer).setUint16(MACHINE_AT, process.arch === "x64" ? EM_AARCH64 : EM_X86_64, true);
  return copy;
}

const MACHINE_AT = 18;
const EM_X86_64 = 62;
const EM_AARCH64 = 183;

test("each fault of a program is named, and a sound one has none", async () => {
  expect(await findProgramFault("/bin/sh", { root: "/", architecture: process.arch })).toBeUndefined();
  expect(await findProgramFault("/nowhere", { root: "/", architecture: process.arch })).toBeUndefined();
  expect(await faultOf(ofOtherMachine())).toMatch(/^it is for (?:arm64|x64), and the machine is /);
  expect(await faultOf(real.subarray(0, real.length - 100))).toStartWith("it is cut off: it has ");
  expect(await faultOf(real.subarray(0, 40))).toStartWith("it is not a program: its ");
  expect(await faultOf("")).toBe("it is empty");
  expect(await faultOf("<html>Not found</html>")).toStartWith("it is not a program: ");
  expect(await faultOf("#!/bin/sh\n")).toBe("it is a script");
  expect(await faultOf(real, 0o644)).toBe("it is not executable");
  // The image has no loader.
  expect(await faultOf(real)).toContain("its loader /lib");
});

test("install into an image with a package of another machine says so", async () => {
  await mkdir(place.at("bin"), { recursive: true });
  await Bun.write(place.at("bin/sh"), real);
  await Bun.write(place.at("var/lib/dpkg/info/negotiator.list"), "/usr/bin/negotiator\n");
  await faultOf(ofOtherMachine());
  const options = {
    role: "guest",
    root: place.path,
    manager: undefined,
    manual: [],
    qga: undefined,
  } as const;
  const error = await rejectionOf(makePlan(options));
  expect(error.message).toContain("/usr/bin/negotiator of the dpkg package cannot run there: it is for ");
  expect(error.message).toContain("\nInstall the package for ");
});
