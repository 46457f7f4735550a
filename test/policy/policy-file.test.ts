/** The policy's file: when it may be missing, and what a daemon does while it cannot be read. */
import { describe, expect, test } from "bun:test";
import { chmod, chown, rm, symlink } from "node:fs/promises";
import { findPolicyFile, loadConfig } from "../../src/config/config.ts";
import { DEFAULT_POLICY } from "../../src/policy/policy.ts";
import { loadPolicy, readPolicy } from "../../src/policy/policy-file.ts";
import { errorOf } from "../support/error-of.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const ALLOW_ALL = '[[rules]]\naction = "allow"\n';

/** As if this were the default path. */
const byDefault = (path: string) => ({ path, setBy: undefined });

describe("readPolicy", () => {
  test("without a file at the default path DEFAULT_POLICY holds; an unreadable file throws", async () => {
    await using directory = await createTemporaryDirectory();
    expect(readPolicy(byDefault(directory.at("absent")))).toBe(DEFAULT_POLICY);
    const error = errorOf(() => readPolicy(byDefault(directory.path)));
    expect(error.code).toBe("BAD_CONFIG");
    expect(error.message).toStartWith(`Cannot read the file "${directory.path}": it is a directory`);
    await symlink(directory.at("absent"), directory.at("link"));
    expect(errorOf(() => readPolicy(byDefault(directory.at("link"))))).toMatchObject({
      code: "BAD_CONFIG",
      message: expect.stringMatching(/link": it is a symbolic link that leads nowhere\nLook at it: /),
    });
  });

  test("a missing file at a path that was set throws BAD_CONFIG and names who set it", async () => {
    await using directory = await createTemporaryDirectory();
    for (const path of [directory.at("absent"), directory.at("no", "absent")]) {
      const file = await directory.write("config.toml", `policyFile = "${path}"\n`);
      const environment = { NEGOTIATOR_POLICY_FILE: path };
      for (const [config, cause] of [
        [loadConfig({ file, environment: {} }), `setting policyFile in ${file}`],
        [loadConfig({ file: "/dev/null", environment }), "variable NEGOTIATOR_POLICY_FILE"],
      ] as const) {
        expect(errorOf(() => readPolicy(findPolicyFile(config)))).toMatchObject({
          code: "BAD_CONFIG",
          message:
            `Cannot read the policy "${path}": there is no such file\n` +
            `Create it, or correct the ${cause}`,
        });
      }
    }
  });

  test("a file at a path that was set is read", async () => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("policy.toml", ALLOW_ALL);
    const config = loadConfig({ file: "/dev/null", environment: { NEGOTIATOR_POLICY_FILE: path } });
    expect(readPolicy(findPolicyFile(config))).toMatchObject({
      kind: "rules",
      rules: [{ action: "allow" }],
    });
  });

  test.each([0o664, 0o646])("a file with mode %o is refused, as others could write to it", async (mode) => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("policy.toml", "");
    expect(readPolicy(byDefault(path))).toEqual({ kind: "rules", rules: [] });
    await chmod(path, mode);
    expect(errorOf(() => readPolicy(byDefault(path)))).toMatchObject({
      code: "BAD_CONFIG",
      message:
        `Cannot use the file "${path}": its group or everybody may write to it\n` +
        `Correct it with: chmod go-w ${path}`,
    });
  });

  test.if(process.getuid?.() === 0)("a file of another user is refused (needs root)", async () => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("policy.toml", "");
    await chown(path, 65534, 65534);
    expect(errorOf(() => readPolicy(byDefault(path))).message).toContain(
      "it belongs to user 65534, not to root",
    );
  });
});

describe("loadPolicy", () => {
  test("a policy that disappears before a reload denies every call until it is back", async () => {
    await using directory = await createTemporaryDirectory();
    const path = directory.at("policy.toml");
    const file = byDefault(path);
    const none = loadPolicy(file);
    expect(none).toBe(DEFAULT_POLICY);
    expect(loadPolicy(file, none)).toBe(DEFAULT_POLICY);

    await Bun.write(path, ALLOW_ALL);
    const rules = loadPolicy(file, none);
    expect(rules).toMatchObject({ kind: "rules" });

    await rm(path);
    const problem =
      `Cannot read the policy "${path}": there is no such file, and there was a policy before\n` +
      "Create it, or restart the daemon to run without a policy";
    const { result: gone, stderr } = await spyOnOutput(() => loadPolicy(file, rules));
    expect(gone).toEqual({ kind: "invalid", problem });
    expect(stderr.replaceAll("\n  ", "\n")).toContain(problem);
    const { result: stillGone } = await spyOnOutput(() => loadPolicy(file, gone));
    expect(stillGone).toEqual(gone);

    await Bun.write(path, ALLOW_ALL);
    expect(loadPolicy(file, stillGone)).toEqual(rules);
    expect(loadPolicy(file)).toEqual(rules);
  });
});
