/** The method `reload` of the control socket: reads the files again, and answers with what is wrong. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { refuseOtherUsers } from "./owner-only.ts";

/**
 * The result of a reload. `problems` are errors: with a wrong config the old settings stay, with a wrong
 * policy every call is denied. `warnings` are about settings without effect.
 */
export type ReloadResult = { problems: readonly string[]; warnings: readonly string[] };

/** Checks the answer to `reload`. */
export const ReloadSchema = v.object({ problems: v.array(v.string()), warnings: v.array(v.string()) });

/** The reload of a daemon, whose methods are made before it is ready. */
export type Reloader = {
  method: Method;
  /** Sets what a reload does. Before that, `reload` is refused with `BUSY`. */
  set(reload: () => Promise<ReloadResult>): void;
};

/** Creates a reload that is not set yet. Only root and the daemon's own user may ask for it. */
export function createReloader(role: "host" | "guest"): Reloader {
  let current: (() => Promise<ReloadResult>) | undefined;
  const method = defineMethod({
    name: "reload",
    isOpen: true,
    own: "change",
    params: v.optional(v.object({})),
    async run(_params, { call }) {
      refuseOtherUsers(call, { role, subcommand: "reload", verb: "reloads" });
      if (current === undefined) {
        throw new NegotiatorError("BUSY", `The ${role}'s daemon is starting and reads its files now`, {
          remedy: `Look whether it is ready: negotiator ${role} status`,
        });
      }
      return { result: await current() };
    },
  });
  return { method, set: (reload) => void (current = reload) };
}
