/** Reads an old agent's answer while it arrives. The output in it is passed on, and never held whole. */
import { NegotiatorError } from "../../errors.ts";
import { asciiJson } from "../../wire/frames/length-prefixed.ts";
import type { JsonObject } from "../../wire/json.ts";
import { clipText } from "../../wire/message.ts";
import { createObjectReader } from "../queued/object-reader.ts";
import { createFailureText } from "./failure-text.ts";

/**
 * An answer. `text`: the result was text, and was passed on. `failure`: `text` is the error text without the
 * output of the command, which was passed on; `hasOutput` says whether there was any.
 */
export type LegacyAnswer =
  | { kind: "text" }
  | { kind: "result"; result: unknown }
  | { kind: "failure"; text: string; hasOutput: boolean };

/** An object of an old agent: its other members, and the answer if it is one. */
export type LegacyObject = { members: JsonObject; answer: () => LegacyAnswer };

/** Takes the output in an answer. */
export type AnswerOutput = {
  write: (bytes: Uint8Array) => Promise<void>;
  /** Most bytes of output. */
  limitBytes: number;
};

/** Other members than the texts are short, and so are results that are not text. */
const KEPT_BYTES = 1024 * 1024;
const LF = Uint8Array.of(0x0a);

/**
 * Reads one object of the channel, and passes its output on. Resolves to undefined if the channel ends first.
 * Rejects with `TOO_LARGE` for more output than the limit, and with `BAD_FRAME` for bytes that are not an
 * object. `answer` throws `BAD_FRAME` for an object that is not an answer.
 */
export async function readLegacyObject(
  channel: AsyncIterable<Uint8Array>,
  { write, limitBytes }: AnswerOutput,
): Promise<LegacyObject | undefined> {
  const reader = createObjectReader({ passedOn: ["result", "error"], keptBytes: KEPT_BYTES });
  let leftBytes = limitBytes;
  const pass = async (bytes: Uint8Array): Promise<void> => {
    leftBytes -= bytes.length;
    if (leftBytes < 0) throw tooMuchOutput(limitBytes);
    if (bytes.length > 0) await write(bytes);
  };
  const failure = createFailureText(pass);
  let result: "none" | "one line" | "lines" = "none";
  for await (const bytes of channel) {
    for (const part of reader.push(bytes)) {
      if (part.kind === "text" && part.name === "error") await failure.push(part.bytes);
      else if (part.kind === "text") {
        if (result !== "lines") result = part.bytes.includes(0x0a) ? "lines" : "one line";
        await pass(part.bytes);
      } else {
        // The old agent has cut off the line end of a single line.
        if (result === "one line" || failure.hasOutput) await write(LF);
        const { members, texts } = part;
        return { members, answer: () => toAnswer(members, texts, failure) };
      }
    }
  }
  return undefined;
}

function toAnswer(
  members: JsonObject,
  texts: ReadonlySet<string>,
  failure: ReturnType<typeof createFailureText>,
): LegacyAnswer {
  const { success, result, error } = members;
  if (success !== undefined && typeof success !== "boolean")
    throw notAnAnswer('"success" is neither true nor false');
  const isText = texts.has("result");
  const reason = texts.has("error")
    ? failure.text
    : (error ?? null) === null
      ? "it gives no reason"
      : asciiJson(error);
  if (success === false && isText) throw failedLate(reason);
  if (success === false || (success === undefined && isFailure(members, texts)))
    return { kind: "failure", text: reason, hasOutput: failure.hasOutput };
  if (isText) return { kind: "text" };
  if ("result" in members) return { kind: "result", result };
  throw notAnAnswer(success === true ? 'it has no "result"' : 'it has neither "success" nor "result"');
}

function isFailure(members: JsonObject, texts: ReadonlySet<string>): boolean {
  const hasResult = texts.has("result") || "result" in members;
  return !hasResult && (texts.has("error") || "error" in members);
}

function tooMuchOutput(limitBytes: number): NegotiatorError {
  return new NegotiatorError(
    "TOO_LARGE",
    `The old agent's answer has more than ${limitBytes} bytes of output`,
    {
      remedy: "Raise limits.foreignAnswerBytes in the config, and restart the daemon",
    },
  );
}

function failedLate(reason: string): NegotiatorError {
  const message = `The old agent sent a result, and then reported a failure: ${clipText(reason)}`;
  return new NegotiatorError("BAD_FRAME", message);
}

function notAnAnswer(reason: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot read the old agent's answer: ${reason}`);
}
