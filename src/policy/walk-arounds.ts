/**
 * Finds what a caller can write in another way, so that a rule that denies arguments does not match. Programs
 * read options in many forms, and only rules that allow can be complete.
 */
import { createMatcher } from "./rule-match.ts";
import type { PolicyRequest } from "./rule-match.ts";
import type { Policy } from "./policy.ts";
import { nameRule } from "./rule.ts";
import type { Rule } from "./rule.ts";

/** Returns a line for each pattern of the policy that can be walked around. */
export function findWalkArounds(policy: Policy): string[] {
  if (policy.kind !== "rules") return [];
  return policy.rules.flatMap((rule, index) => describeRule(rule, index + 1));
}

/**
 * Returns the lines about rules that deny this call with other arguments, and do not with these. `deciding`
 * is the number of the rule that allows it.
 */
export function findWalkAroundsOf(policy: Policy, request: PolicyRequest, deciding: number): string[] {
  if (policy.kind !== "rules") return [];
  const findMismatch = createMatcher(request);
  return policy.rules.slice(0, deciding).flatMap((rule, index) => {
    const isNear = findMismatch({ ...rule, arguments: undefined }) === undefined;
    return isNear && findMismatch(rule) !== undefined ? describeRule(rule, index + 1) : [];
  });
}

function describeRule(rule: Rule, number: number): string[] {
  const { arguments: patterns } = rule;
  if (patterns?.kind !== "some") return [];
  return patterns.globs.flatMap(({ source }) => {
    const way = findWay(source);
    return way === undefined
      ? []
      : [`${nameRule(rule, number)} denies ${JSON.stringify(source)}, but ${way}`];
  });
}

/** A pattern that begins with `*` fits what stands before the rest of it. */
function findWay(source: string): string | undefined {
  const text = source.replaceAll(/\\(.)/gsu, "$1");
  const [, letter] = /^-([^-*?])/u.exec(text) ?? [];
  if (letter !== undefined) {
    const joined = JSON.stringify(`-x${letter}`);
    const broad = JSON.stringify(`-*${letter}*`);
    return `not joined options such as ${joined}; deny ${broad}, or allow only what is needed`;
  }
  const [, name] = /^--([^*?=]{2,})/u.exec(text) ?? [];
  if (name !== undefined) {
    const short = JSON.stringify(`--${name.slice(0, -1)}`);
    return `many programs take a shorter form such as ${short}; allow only what is needed`;
  }
  if (/^[^*?]*\//u.test(text)) {
    const other = JSON.stringify(text.replace("/", "/./"));
    return `a path has other forms, such as ${other} or a link; allow only what is needed`;
  }
  return undefined;
}
