/** Judges a valid policy: whether its rules name what this machine has, and whether they allow anything. */
import { readdir } from "node:fs/promises";
import type { Config } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { SETTINGS_ENDING } from "../../methods/command-name.ts";
import type { Role } from "../../peers/dialect.ts";
import { findIdleRules, isEmptyPolicy } from "../../policy/idle-rules.ts";
import type { Policy } from "../../policy/policy.ts";
import { METHODS_OF_PEERS } from "../../policy/rule-table.ts";
import { placeRule } from "../../policy/rule.ts";
import type { Rule } from "../../policy/rule.ts";
import { printable } from "../../printable.ts";
import { findGroupId } from "../../process/group-id.ts";
import { walkLocally } from "../../process/mount-table.ts";
import { createUserCache } from "../../process/user-cache.ts";

/** Texts whose further lines say what to do. `problems`: calls fail. `warnings`: likely mistakes. */
export type PolicyJudgement = { problems: readonly string[]; warnings: readonly string[] };

/** Resolves with what is wrong with a policy that was read from `path`. */
export async function judgePolicy(
  role: Role,
  { settings }: Pick<Config, "settings">,
  policy: Policy,
  path: string,
): Promise<PolicyJudgement> {
  if (isEmptyPolicy(policy))
    return {
      problems: [],
      warnings: [
        `The policy ${printable(path)} has no rules, so every call of the other side is denied\n` +
          `Allow what was called before: negotiator ${role} policy init --force\n` +
          `Or write rules: negotiator man negotiator-policy | man -l -`,
      ],
    };
  const known = { commands: await listNames(settings), methods: await listMethodNames(role) };
  const wording = { path, seeAll: `negotiator ${role} check-commands` };
  const [problems, ...strangers] = await Promise.all([
    findUnknownUsers(policy, path),
    findUnknownCallers(policy, path),
    findUnknownGroups(policy, path),
  ]);
  return {
    problems,
    warnings: [...strangers.flat(), ...findIdleRules(policy, known, wording)].map(printableLines),
  };
}

function printableLines(text: string): string {
  return text.split("\n").map(printable).join("\n");
}

/** Resolves with the names of commands; undefined if a directory may hang. The files may be unusable. */
async function listNames(settings: Config["settings"]): Promise<string[] | undefined> {
  const { commandsDirectory: directories, builtIns } = settings;
  if (directories.some((directory) => walkLocally(directory) === undefined)) return undefined;
  const lists = await Promise.all(directories.map((each) => readdir(each).catch((): string[] => [])));
  return [...builtIns, ...lists.flat().filter((name) => !name.endsWith(SETTINGS_ENDING))];
}

async function listMethodNames(role: Role): Promise<readonly string[]> {
  if (role === "host") return METHODS_OF_PEERS;
  const { listAgentCommandNames } = await import("../../methods/agent/agent-commands.ts");
  return [...METHODS_OF_PEERS, ...listAgentCommandNames()];
}

/** Resolves with the problems of the users that rules name: calls under such rules would fail. */
function findUnknownUsers(policy: Policy, path: string): Promise<string[]> {
  return findMissing(policy, path, ({ user }) => (user === undefined ? [] : [user]));
}

/** Resolves with the problems of local users whom rules name without wildcards: no call comes from them. */
function findUnknownCallers(policy: Policy, path: string): Promise<string[]> {
  return findMissing(policy, path, ({ names: { users = [] } }) =>
    users.flatMap(({ source }) => (PLAIN_NAME.test(source) ? [source] : [])),
  );
}

/** Resolves with the problems of groups that rules name without wildcards. A number needs no name. */
async function findUnknownGroups(policy: Policy, path: string): Promise<string[]> {
  if (policy.kind !== "rules") return [];
  const named = policy.rules.flatMap((rule, index) =>
    (rule.names.groups ?? []).map(({ source }) => ({ source, place: placeRule(rule, index + 1, path) })),
  );
  const plain = named.filter(({ source }) => PLAIN_NAME.test(source) && !/^\d+$/.test(source));
  const names = [...new Set(plain.map(({ source }) => source))];
  const unknown = new Set<string>();
  for (const name of names) if ((await findGroupId(name)) === undefined) unknown.add(name);
  return plain
    .filter(({ source }) => unknown.has(source))
    .map(
      ({ source, place }) =>
        `Cannot use ${printable(place)}: The system knows no group "${source}"\n` +
        "List the groups: getent group",
    );
}

const PLAIN_NAME = /^[\w.-]+$/;

async function findMissing(
  policy: Policy,
  path: string,
  usersOf: (rule: Rule) => readonly string[],
): Promise<string[]> {
  if (policy.kind !== "rules") return [];
  const named = policy.rules.flatMap((rule, index) =>
    usersOf(rule).map((user) => ({ user, place: placeRule(rule, index + 1, path) })),
  );
  const users = createUserCache();
  await users.load(named.map(({ user }) => user));
  const problems = named.map(async ({ user, place }) => {
    try {
      await users.find(user);
      return [];
    } catch (thrown) {
      const { message } = NegotiatorError.from(thrown);
      return [`Cannot use ${printable(place)}: ${message}`];
    }
  });
  return (await Promise.all(problems)).flat();
}
