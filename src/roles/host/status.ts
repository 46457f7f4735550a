/** `status`: what the host's daemon knows of its guests. */
import * as v from "valibot";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { LinkStatusEntries } from "../daemon/link-status.ts";

/** `state` is `saved` while the guest lies in a file: its conversation waits until it is restored. */
const GuestStatusSchema = v.object({
  name: v.string(),
  uuid: v.nullable(v.string()),
  ...LinkStatusEntries,
});
export type GuestStatus = v.InferOutput<typeof GuestStatusSchema>;

export const StatusSchema = v.object({ guests: v.array(GuestStatusSchema) });

export function createStatus(status: () => GuestStatus[]): Method {
  return defineMethod({
    name: "status",
    isOpen: true,
    params: v.optional(v.object({})),
    run: () => Promise.resolve({ result: { guests: status() } }),
  });
}
