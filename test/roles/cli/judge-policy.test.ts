/** The look at a valid policy: does it name users and groups of this machine? */
import { expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { parsePolicy } from "../../../src/policy/policy.ts";
import { judgePolicy } from "../../../src/roles/cli/judge-policy.ts";
import { unsetConfig } from "../../support/unset-config.ts";

async function warningsOf(lists: string): Promise<readonly string[]> {
  const policy = parsePolicy(`[[rules]]\naction = "allow"\nmethods = ["execute"]\n${lists}\n`);
  const { problems, warnings } = await judgePolicy("host", unsetConfig(DEFAULTS), policy, "/p.toml");
  expect(problems).toEqual([]);
  return warnings;
}

test("a group that does not exist is named, and numbers, wildcards and known groups are not", async () => {
  expect(await warningsOf('groups = ["no-such-group", "4242", "no-*", "root"]')).toEqual([
    'Cannot use rule 1 of /p.toml: The system knows no group "no-such-group"\nList the groups: getent group',
  ]);
});

test("a local user who does not exist is named", async () => {
  const [warning = "", ...more] = await warningsOf('users = ["no-such-user", "no-*", "root"]');
  expect(more).toEqual([]);
  expect(warning).toStartWith('Cannot use rule 1 of /p.toml: Cannot find the user "no-such-user": ');
});
