/** All dialects; which one a peer speaks is read from what it says. */
import type { Dialect } from "../dialect.ts";
import type { JsonObject } from "../json.ts";
import { legacy } from "./legacy.ts";
import { native } from "./native.ts";

export const DIALECTS: readonly Dialect[] = [native, legacy];

/** The dialect in which `object` is a message, if there is one. */
export function recognise(object: JsonObject): Dialect | undefined {
  return DIALECTS.find((dialect) => dialect.recognises(object));
}
