/** Finds rules that never decide, such as one with a mistyped name of a command. */
import { nearest } from "../nearest.ts";
import { literalOf, splitPattern } from "./glob.ts";
import type { Policy } from "./policy.ts";
import type { NamePattern, Rule } from "./rule.ts";
import { placeRule } from "./rule.ts";
import { matchesEveryCall } from "./unconditional.ts";

/** The names of this machine. `commands` is undefined if nothing is known of them. */
export type KnownNames = { commands: readonly string[] | undefined; methods: readonly string[] };

/** `path`: the file of rules that do not know their place. `seeAll`: a line of shell that lists commands. */
type Wording = { path: string; seeAll: string };

/** Returns whether a policy denies every call of the other side because it has no rules. */
export function isEmptyPolicy(policy: Policy): boolean {
  return policy.kind === "rules" && policy.rules.length === 0;
}

/**
 * Returns a text for each name that no call can have, and for each rule behind one that decides every call.
 * Its second line says what to do. A rule may deny what is not there yet, so there only a name that resembles
 * another one counts. Rules about local users name commands of the other side, which are not known.
 */
export function findIdleRules(policy: Policy, known: KnownNames, { path, seeAll }: Wording): string[] {
  if (policy.kind !== "rules") return [];
  const last = policy.rules.findIndex(matchesEveryCall);
  return policy.rules.flatMap((rule, index) => {
    if (rule.isAboutUsers) return [];
    const place = placeRule(rule, index + 1, path);
    if (last !== -1 && index > last) {
      const first = placeRule(policy.rules[last] ?? {}, last + 1, path);
      const why = `because ${first} decides every call`;
      return [`${place} never decides, ${why}\nMove it in front of that rule, or remove it`];
    }
    const all = `Correct it. There are: ${known.methods.slice(0, MOST_NAMES).join(", ")}`;
    const methods = findUnfit(rule, "methods", known.methods).map(
      ({ what, guess }) => `${place} names ${what}\n${guess ?? all}`,
    );
    const commands = findUnfit(rule, "commands", known.commands).map(
      ({ what, guess }) => `${place} names ${what}\n${guess ?? "Correct it."} See all: ${seeAll}`,
    );
    return [...methods, ...commands];
  });
}

const WORDS = { methods: "method", commands: "command" } as const;
const MOST_NAMES = 7;

/** A pattern that fits nothing, in words. `guess`: the question whether another name was meant. */
type Unfit = { what: string; guess: string | undefined };

function findUnfit(
  { names, action }: Rule,
  key: keyof typeof WORDS,
  known: readonly string[] | undefined,
): Unfit[] {
  const patterns = names[key] ?? [];
  if (known === undefined) return [];
  const idle = patterns.filter(({ matches }) => !known.some((name) => matches(name)));
  return idle.flatMap(({ source }) => {
    const name = nameOf(source);
    const guesses = name === undefined ? [] : nearest(name, known);
    if (action === "deny" && guesses.length === 0) return [];
    const rest = idle.length < patterns.length ? "" : ", so it never matches a call";
    const word = WORDS[key];
    const thing = JSON.stringify(name ?? source);
    const what =
      name === undefined ? `${word}s ${thing}, and none fits` : `the ${word} ${thing}, and there is none`;
    const [guess] = guesses;
    return [{ what: `${what}${rest}`, guess: guess && `Did you mean ${JSON.stringify(guess)}?` }];
  });
}

/** Returns the only text that a pattern fits; undefined if it has wildcards. */
function nameOf(source: NamePattern["source"]): string | undefined {
  const pieces = splitPattern(source);
  return pieces.some((piece) => /^[*?]/.test(piece)) ? undefined : pieces.map(literalOf).join("");
}
