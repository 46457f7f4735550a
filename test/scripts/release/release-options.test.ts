/** Tests the command line of the release script. */
import { expect, test } from "bun:test";
import { releaseItems } from "../../../scripts/release/package-kinds.ts";
import type { PackageKind } from "../../../scripts/release/package-kinds.ts";
import { parseReleaseOptions } from "../../../scripts/release/release-options.ts";
import { errorOf } from "../../support/error-of.ts";

test("without options all kinds are made for both architectures, from new binaries", () => {
  expect(parseReleaseOptions([])).toEqual({
    kinds: ["tar", "deb", "rpm", "apk"],
    architectures: ["x64", "arm64"],
    skipsBuild: false,
  });
});

test("--kind and --arch can be repeated", () => {
  const words = ["--kind", "rpm", "--kind", "deb", "--arch", "arm64", "--no-build"];
  expect(parseReleaseOptions(words)).toEqual({
    kinds: ["deb", "rpm"],
    architectures: ["arm64"],
    skipsBuild: true,
  });
});

test.each([
  [["--kind", "msi"], 'unknown kind "msi": one of tar, deb, rpm, apk (see --help)'],
  [["--arch"], "missing architecture: one of x64, arm64 (see --help)"],
  [["all"], 'unknown word "all" (see --help)'],
])("a wrong word is named: %p", (words, message) => {
  expect(errorOf(() => parseReleaseOptions(words))).toMatchObject({ code: "BAD_USAGE", message });
});

/** The targets of a kind, for x64. */
function targets(kind: PackageKind): string[] {
  return releaseItems([kind], ["x64"]).map(({ target }) => target);
}

test("packages have the binary that runs on every processor, and tarballs are for all targets", () => {
  expect(targets("deb")).toEqual(["linux-x64-baseline"]);
  expect(targets("apk")).toEqual(["linux-x64-musl-baseline"]);
  expect(targets("tar")).toHaveLength(4);
});
