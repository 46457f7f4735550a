/** Tests the command line of the build script. */
import { describe, expect, test } from "bun:test";
import { BUILD_HELP, BUILD_NAMES, parseBuildOptions } from "../../scripts/build-options.ts";
import { NegotiatorError } from "../../src/errors.ts";

describe("parseBuildOptions", () => {
  test("parseBuildOptions returns all builds for no words", () =>
    expect(parseBuildOptions([])).toEqual(BUILD_NAMES));

  test("parseBuildOptions returns each target once, in the order of the table", () => {
    const words = ["--target", "linux-arm64", "--target=host", "--target", "host"];
    expect(parseBuildOptions(words)).toEqual(["host", "linux-arm64"]);
  });

  test("parseBuildOptions returns help for --help, whatever follows", () =>
    expect(parseBuildOptions(["--help", "--nonsense"])).toBe("help"));

  const refused: [words: string[], message: string][] = [
    [["--target", "linux-x46"], 'unknown target "linux-x46": did you mean "linux-x64"'],
    [["--target", "toString"], 'unknown target "toString"'],
    [["--target=bun-linux-x64\n\u001b[31m"], 'unknown target "bun-linux-x64\\n\\x1b[31m"'],
    [["--target"], "option --target needs a name"],
    [["--target="], "option --target needs a name"],
    [["--targets", "host"], 'unknown option "--targets"'],
    [["-t", "host"], 'unknown option "-t"'],
    [["host"], 'unknown word "host"'],
    [[""], 'unknown word ""'],
  ];
  for (const [words, message] of refused) {
    test(`parseBuildOptions refuses ${JSON.stringify(words)} with one line`, () => {
      const error = thrownBy(() => parseBuildOptions(words));
      expect(error.code).toBe("BAD_USAGE");
      expect(error.message).toStartWith(message);
      expect(error.message).not.toContain("\n");
    });
  }
});

test("the help lists all builds", () => {
  for (const name of BUILD_NAMES) expect(BUILD_HELP).toContain(`\n  ${name}`);
});

function thrownBy(action: () => unknown): NegotiatorError {
  try {
    action();
  } catch (error) {
    if (error instanceof NegotiatorError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
