/** Guesses the right form of a value that has the wrong type, such as a text where a list is needed. */
import { shorten } from "../shorten.ts";

/**
 * A value that a key needs, in words, with an example. `kind` is absent where a value cannot be converted.
 * `words` are those of a choice; `isAllowed` judges a number.
 */
export type Need = {
  what: string;
  example?: string;
  kind?: "choice" | "number" | "switch" | "text" | "texts" | "path" | "paths";
  words?: readonly string[];
  isAllowed?: (value: number) => boolean;
};

/**
 * Returns the value in the form that is needed, such as `["check-process"]` for a text. Returns undefined if
 * no such form can be guessed.
 */
export function correct({ kind, words = [], isAllowed }: Need, value: unknown): string | undefined {
  switch (kind) {
    case "texts":
      return typeof value === "string" && value !== "" ? `[${quote(value)}]` : undefined;
    case "paths":
      return typeof value === "string" && value.startsWith("/") ? `[${quote(value)}]` : undefined;
    case "text":
      return typeof value === "number" || typeof value === "boolean" ? `"${value}"` : undefined;
    case "number":
      if (typeof value !== "string" || !/^\d+(?:\.\d+)?$/.test(value)) return undefined;
      return isAllowed?.(Number(value)) === true ? value : undefined;
    case "switch":
      return SWITCHES.get(wordOf(value));
    case "choice": {
      const meant = typeof value === "boolean" ? (value ? "yes" : "no") : wordOf(value);
      return words.includes(meant) ? `"${meant}"` : undefined;
    }
    default:
      return undefined;
  }
}

/** A table of TOML has no text: it has no prototype. */
function wordOf(value: unknown): string {
  return typeof value === "string" || typeof value === "number" || typeof value === "boolean"
    ? String(value).toLowerCase()
    : "";
}

const SWITCHES = new Map([
  ["true", "true"],
  ["yes", "true"],
  ["on", "true"],
  ["false", "false"],
  ["no", "false"],
  ["off", "false"],
]);

const SHOWN_LENGTH = 100;

function quote(text: string): string {
  return JSON.stringify(shorten(text, SHOWN_LENGTH));
}
