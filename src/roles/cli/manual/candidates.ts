/** Finds the words that could stand at the end of a command line, for the completion of shells. */
import type { ArgDef, ArgsDef } from "citty";
import { COMMON_OPTIONS } from "../options.ts";
import type { RoleDefinition, Subcommand } from "../subcommand.ts";
import { aliasesOf } from "../tokenizer.ts";
import { PROGRAM_SUBCOMMANDS, PROGRAM_WORDS } from "./program.ts";
import type { Roles } from "./program.ts";

/** A word, and a text about it for shells that show one. */
export type Candidate = { word: string; text?: string | undefined };

/** The kinds of names that only the machine knows; `command` is one of the other side. */
export type NameKind = "guest" | "command" | "own-command" | "call" | "user" | "page" | "shell";

/** Asks for names. `guest` is the guest of the command line, `control` its control socket. */
export type AskNames = (
  kind: NameKind,
  line: { role: RoleDefinition["role"]; guest?: string | undefined; control?: string | undefined },
) => Promise<readonly Candidate[]>;

/** The candidates. `more`: the shell adds its own files or directories. */
export type LineCompletion = { candidates: readonly Candidate[]; more?: "files" | "directories" | undefined };

/**
 * Resolves with the candidates for the last of `words`, which stand after the program's name and its role.
 * `role` is the one in that name. The candidates begin with the last word.
 */
export async function findCandidates(
  words: readonly string[],
  roles: Roles,
  ask: AskNames,
  role?: RoleDefinition,
): Promise<LineCompletion> {
  const [first = "", ...rest] = words;
  const found = await find(first, rest, roles, ask, role);
  const current = words.at(-1) ?? "";
  return { ...found, candidates: found.candidates.filter(({ word }) => word.startsWith(current)) };
}

async function find(
  first: string,
  rest: readonly string[],
  roles: Roles,
  ask: AskNames,
  role: RoleDefinition | undefined,
): Promise<LineCompletion> {
  if (role !== undefined) return findOfRole(role, [first, ...rest], ask, roles);
  if (rest.length === 0) return { candidates: startWords(roles, first) };
  const named = roles.find((one) => one.role === first);
  if (named !== undefined) return findOfRole(named, rest, ask, roles);
  return findOfProgram(first, rest, roles, ask);
}

function startWords(roles: Roles, current: string): Candidate[] {
  if (current.startsWith("-")) return [{ word: "--help" }, { word: "--version" }];
  const ofRoles = roles.map(({ role, summary }): Candidate => ({ word: role, text: summary }));
  return [...ofRoles, ...PROGRAM_WORDS.map((word) => describe(word, PROGRAM_SUBCOMMANDS[word]))];
}

async function findOfProgram(
  first: string,
  rest: readonly string[],
  roles: Roles,
  ask: AskNames,
): Promise<LineCompletion> {
  if (rest.at(-1)?.startsWith("-") === true) return { candidates: [{ word: "--help" }] };
  if (first === "help") return { candidates: helpWords(roles, rest) };
  if (rest.length > 1 || (first !== "man" && first !== "completion")) return { candidates: [] };
  return { candidates: await ask(first === "man" ? "page" : "shell", { role: "host" }) };
}

function helpWords(roles: Roles, rest: readonly string[]): Candidate[] {
  if (rest.length === 1) return [...startWords(roles, ""), ...unique(subcommandsOf(roles))];
  return rest.length === 2 ? subcommandsOf(roles.filter(({ role }) => role === rest[0])) : [];
}

function subcommandsOf(roles: Roles): Candidate[] {
  return roles.flatMap(({ subCommands }) =>
    Object.entries(subCommands).map(([name, subcommand]) => describe(name, subcommand)),
  );
}

function findOfRole(
  role: RoleDefinition,
  words: readonly string[],
  ask: AskNames,
  roles: Roles,
): LineCompletion | Promise<LineCompletion> {
  const [name = "", ...rest] = words;
  const subcommand = Object.entries(role.subCommands).find(([key]) => key === name)?.[1];
  if (subcommand !== undefined && rest.length > 0)
    return findOfSubcommand({ role, name, args: subcommand.args, ...shapeOf(subcommand) }, rest, ask);
  if (name.startsWith("-")) return findOfForm(role, words, ask);
  if (rest.length > 0) return name === "help" ? { candidates: helpWords(roles, [role.role, ...rest]) } : NONE;
  return {
    candidates: [...subcommandsOf([role]), describe("help", PROGRAM_SUBCOMMANDS.help)],
  };
}

/** The options of python-negotiator stand in the place of a subcommand. */
function findOfForm(role: RoleDefinition, words: readonly string[], ask: AskNames): Promise<LineCompletion> {
  const guest: ArgsDef = role.role === "host" ? { guest: { type: "positional" } } : {};
  const args = { ...role.optionForm.args, ...guest, version: { type: "boolean" } as const };
  return findOfSubcommand({ role, name: "", args }, words, ask);
}

const NONE: LineCompletion = { candidates: [] };

type Line = { role: RoleDefinition; name: string; args: ArgsDef } & Pick<
  Subcommand,
  "restAfter" | "repeatsLast"
>;

function shapeOf({ restAfter, repeatsLast }: Subcommand): Pick<Subcommand, "restAfter" | "repeatsLast"> {
  return {
    ...(restAfter === undefined ? {} : { restAfter }),
    ...(repeatsLast === undefined ? {} : { repeatsLast }),
  };
}

async function findOfSubcommand(
  line: Line,
  words: readonly string[],
  ask: AskNames,
): Promise<LineCompletion> {
  const { role, name, restAfter, repeatsLast } = line;
  const args: ArgsDef = { ...line.args, ...COMMON_OPTIONS };
  const { positionals, options, pending, isOnlyWords } = readBefore(words.slice(0, -1), args, restAfter);
  if (restAfter !== undefined && positionals.length >= restAfter) return { candidates: [], more: "files" };
  const declared = Object.entries(args).filter(([, arg]) => arg.type === "positional");
  const guestAt = declared.findIndex(([key]) => key === "guest");
  const askFor = (kind: NameKind): Promise<readonly Candidate[]> =>
    ask(kind, { role: role.role, guest: positionals[guestAt], control: options.get("control") });
  const current = words.at(-1) ?? "";
  if (pending !== undefined) return completeValue(pending, args[pending], askFor);
  if (current.startsWith("-") && !isOnlyWords) {
    const option = /^--([^=]+)=/.exec(current)?.[1];
    if (option === undefined) return { candidates: optionWords(args) };
    return completeValue(option, args[option], askFor, `--${option}=`);
  }
  const index = repeatsLast === true ? Math.min(positionals.length, declared.length - 1) : positionals.length;
  const [key, arg] = declared[index] ?? [];
  return key === undefined ? NONE : completePositional(key, arg, name, askFor);
}

type Before = {
  positionals: readonly string[];
  options: ReadonlyMap<string, string>;
  /** The option that takes the next word as its value. */
  pending: string | undefined;
  /** Whether `--` has ended the options. */
  isOnlyWords: boolean;
};

/** Reads the words before the cursor by the rules of the tokenizer, but passes over what is wrong. */
function readBefore(words: readonly string[], args: ArgsDef, restAfter = Number.POSITIVE_INFINITY): Before {
  const positionals: string[] = [];
  const options = new Map<string, string>();
  let pending: string | undefined;
  let isOnlyWords = false;
  for (const word of words) {
    if (pending !== undefined) {
      options.set(pending, word);
      pending = undefined;
    } else if (isOnlyWords || positionals.length >= restAfter) positionals.push(word);
    else if (word === "--") isOnlyWords = true;
    else if (word.startsWith("--")) {
      const [flag = "", ...value] = word.slice(2).split("=");
      if (value.length > 0) options.set(flag, value.join("="));
      else if (args[flag]?.type === "string") pending = flag;
    } else if (word.startsWith("-") && word.length > 1) pending = pendingOfLetters(word.slice(1), args);
    else positionals.push(word);
  }
  return { positionals, options, pending, isOnlyWords };
}

/** Of joined letters such as `-vt`, only a last one with a value takes the next word. */
function pendingOfLetters(letters: string, args: ArgsDef): string | undefined {
  for (const [index, letter] of Array.from(letters).entries()) {
    const name = Object.keys(args).find((key) => aliasesOf(args[key] ?? {}).includes(letter));
    if (name === undefined) return undefined;
    if (args[name]?.type === "string") return index === letters.length - 1 ? name : undefined;
  }
  return undefined;
}

function optionWords(args: ArgsDef): Candidate[] {
  return Object.entries(args)
    .filter(([, arg]) => arg.type !== "positional")
    .map(([key, arg]) => ({ word: `--${key}`, text: arg.description }));
}

/** The names of what a positional word or the hint of an option's value stands for. */
const KINDS: Readonly<Record<string, NameKind>> = {
  guest: "guest",
  command: "command",
  call: "call",
  user: "user",
  page: "page",
  shell: "shell",
};

function kindOf(name: string): NameKind | undefined {
  return Object.hasOwn(KINDS, name) ? KINDS[name] : undefined;
}

/** Words of a subcommand that are the same on all machines. */
const FIXED_WORDS: ReadonlyMap<string, readonly string[]> = new Map([
  ["signal name", ["INT", "TERM", "HUP", "QUIT", "USR1", "USR2"]],
  ["policy action", ["init"]],
]);

async function completePositional(
  key: string,
  arg: ArgDef | undefined,
  subcommand: string,
  ask: (kind: NameKind) => Promise<readonly Candidate[]>,
): Promise<LineCompletion> {
  const fixed = FIXED_WORDS.get(`${subcommand} ${key}`);
  if (fixed !== undefined) return { candidates: fixed.map((word) => ({ word })) };
  const kind = kindOf(key);
  if (kind === undefined) return completeValue(key, arg, ask);
  // A policy is about calls of the other side, which run commands of this machine.
  const isOwn = kind === "command" && subcommand.startsWith("check-");
  return { candidates: await ask(isOwn ? "own-command" : kind) };
}

/** Completes by the hint: `file`, `path`, `directory`, `a|b`, or a kind of name; or by the option's name. */
async function completeValue(
  key: string,
  arg: ArgDef | undefined,
  ask: (kind: NameKind) => Promise<readonly Candidate[]>,
  prefix = "",
): Promise<LineCompletion> {
  const hint = arg?.valueHint ?? "";
  if (/^(?:file|path)$/.test(hint)) return { candidates: [], more: "files" };
  if (hint.startsWith("dir")) return { candidates: [], more: "directories" };
  const kind = kindOf(hint) ?? kindOf(key);
  const choices = hint.includes("|") ? hint.split("|") : [];
  const words = kind === undefined ? choices.map((word): Candidate => ({ word })) : await ask(kind);
  return { candidates: words.map(({ word, text }) => ({ word: prefix + word, text })) };
}

function describe(word: string, { summary }: Pick<Subcommand, "summary">): Candidate {
  return { word, text: summary };
}

function unique(candidates: readonly Candidate[]): Candidate[] {
  return [...new Map(candidates.map((one) => [one.word, one])).values()];
}
