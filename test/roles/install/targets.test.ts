/** Tests the table of release targets. */
import { expect, test } from "bun:test";
import { LOADERS, TARGET_NAMES, TARGETS } from "../../../src/roles/install/targets.ts";

test("the names of the release targets do not change", () => {
  expect(TARGET_NAMES).toEqual([
    "linux-x64",
    "linux-x64-baseline",
    "linux-arm64",
    "linux-x64-musl",
    "linux-x64-musl-baseline",
    "linux-arm64-musl",
  ]);
});

test("the name of each target agrees with its row", () => {
  for (const name of TARGET_NAMES) {
    const { compile, architecture, libc, wantsAvx2 } = TARGETS[name];
    const words = name.split("-");
    expect(words).toContain(architecture);
    expect(words.includes("musl")).toBe(libc === "musl");
    expect(wantsAvx2).toBe(architecture === "x64" && !words.includes("baseline"));
    expect(compile.split("-").toSorted()).toEqual(["bun", ...words].toSorted());
    expect(LOADERS[libc][architecture]).toStartWith("/lib");
  }
});
