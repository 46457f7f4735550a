/** A foreign dialect whose server the test plays: it records messages, and sends what the test wants. */
import type { ServerLine, ServingDialect } from "../../src/peers/dialect.ts";
import { createObjectFramer } from "../../src/peers/object-framer.ts";
import type { JsonObject } from "../../src/wire/json.ts";
import { MADE_UP } from "./made-up/made-up.ts";

/** A dialect and the events of its server. */
export type ScriptedDialect = {
  dialect: ServingDialect;
  taken: JsonObject[];
  /** The calls of `resume` and `cancelAll`, in order. */
  events: string[];
  /** The line of the last server; throws before there is one. */
  line: () => ServerLine;
};

/**
 * A dialect of length-prefixed frames or lines. It recognises objects that have the member `name`. Their
 * members `refuses` and `asks` hold the nonce of a hello.
 */
export function createScriptedDialect(name: string): ScriptedDialect {
  const taken: JsonObject[] = [];
  const events: string[] = [];
  let last: ServerLine | undefined;
  const dialect: ServingDialect = {
    ...MADE_UP,
    name,
    label: `${name} agent`,
    recognises: (object) => name in object,
    readHelloAnswer: (object, nonce) => {
      if (object["asks"] === nonce)
        return { kind: "reply", bytes: new TextEncoder().encode(`${name} reply`) };
      return object["refuses"] === nonce ? { kind: "refused" } : undefined;
    },
    createFramer: createObjectFramer,
    createServer(line) {
      last = line;
      return {
        take: (object) => void taken.push(object),
        resume: () => void events.push(`resume, ${line.unsent()} unsent`),
        cancelAll: () => void events.push("cancelAll"),
      };
    },
  };
  const line = (): ServerLine => {
    if (last === undefined) throw new Error("no server was created");
    return last;
  };
  return { dialect, taken, events, line };
}
