/** Chooses the guests of a fan-out. */
import { NegotiatorError } from "../../../errors.ts";
import { nearest } from "../../../nearest.ts";
import { parseGlob } from "../../../policy/glob.ts";
import { printable } from "../../../printable.ts";
import { formatAge } from "../../cli/quantity.ts";
import { judgeState } from "../../cli/status-table.ts";
import type { GuestStatus } from "../status.ts";

/** A guest that cannot be called now. */
export type AbsentGuest = { guest: string; reason: string };

/** The guests to call, those that answer first, and those that cannot be called. */
export type Targets = {
  guests: readonly string[];
  absent: readonly AbsentGuest[];
  /** Guests that do not run, and that were not named. */
  leftOut: readonly string[];
};

/** The words that choose the guests. `isPatient`: the user set the time for reaching a guest. */
export type TargetWords = {
  all: boolean;
  patterns: readonly string[];
  names: readonly string[];
  isPatient: boolean;
};

/** A younger silence may end at any moment, for example while a guest starts. */
const YOUNG_MS = 5000;

/**
 * Returns the targets, each once, sorted by name. Throws `NO_GUEST` for a pattern that fits no guest, and if
 * there are no guests at all.
 */
export function chooseTargets(known: readonly GuestStatus[], words: TargetWords, nowMs: number): Targets {
  const byName = new Map(known.map((guest) => [guest.name, guest]));
  const named = new Set(words.names);
  const fitting = new Set<string>();
  for (const pattern of words.all ? ["**"] : words.patterns) {
    if (byName.has(pattern)) named.add(pattern);
    const { matches } = parseGlob(pattern);
    const found = known.filter(({ name }) => matches(name));
    if (found.length === 0) throw fitsNone(pattern, known);
    for (const { name } of found) fitting.add(name);
  }
  const chosen = [...new Set([...named, ...fitting])].sort();
  const states = chosen.map((name) => ({ name, ...judge(byName.get(name), words.isPatient, nowMs) }));
  const isLeftOut = ({ name, isOff }: (typeof states)[number]): boolean => isOff && !named.has(name);
  return {
    guests: [
      ...states.filter(({ call }) => call === "now"),
      ...states.filter(({ call }) => call === "late"),
    ].map(({ name }) => name),
    absent: states
      .filter((state) => state.call === "never" && !isLeftOut(state))
      .map(({ name, reason }) => ({ guest: name, reason })),
    leftOut: states.filter(isLeftOut).map(({ name }) => name),
  };
}

type Judgement = { call: "now" | "late" | "never"; reason: string; isOff: boolean };

function judge(guest: GuestStatus | undefined, isPatient: boolean, nowMs: number): Judgement {
  if (guest === undefined) return { call: "never", reason: "no such guest", isOff: false };
  const { state, since } = guest;
  const ageMs = since === null ? Infinity : nowMs - Date.parse(since);
  const isOff = state === "shut off" || state === "saved";
  if (isOff) return { call: "never", reason: state, isOff };
  if (judgeState(state) === "good") return { call: "now", reason: "", isOff };
  if (isPatient || ageMs < YOUNG_MS) return { call: "late", reason: "", isOff };
  const text = state === "waiting" ? "no agent has answered yet" : state;
  return { call: "never", reason: `${text}, for ${formatAge(ageMs)}`, isOff };
}

function fitsNone(pattern: string, known: readonly GuestStatus[]): NegotiatorError {
  const [near] = nearest(
    pattern,
    known.map(({ name }) => name),
  );
  const remedy =
    near === undefined ? "List the guests: negotiator host status" : `Did you mean "${printable(near)}"?`;
  const what = pattern === "**" ? "The daemon knows no guest" : `No guest fits "${printable(pattern)}"`;
  return new NegotiatorError("NO_GUEST", what, { remedy });
}
