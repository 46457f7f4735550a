/** The method `status` of the host's control socket. */
import * as v from "valibot";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { LinkStatusEntries } from "../daemon/link-status.ts";

const GuestStatusSchema = v.object({
  name: v.string(),
  uuid: v.nullable(v.string()),
  ...LinkStatusEntries,
});

/** One guest. Its `state` may also be `saved`: it is in a file, and its calls wait until it is restored. */
export type GuestStatus = v.InferOutput<typeof GuestStatusSchema>;

/** The answer to `status`. */
export const StatusSchema = v.object({ guests: v.array(GuestStatusSchema) });

/** Returns the method; `status` gives the guests, sorted by name. */
export function createStatus(status: () => GuestStatus[]): Method {
  return defineMethod({
    name: "status",
    isOpen: true,
    params: v.optional(v.object({})),
    run: () => Promise.resolve({ result: { guests: status() } }),
  });
}
