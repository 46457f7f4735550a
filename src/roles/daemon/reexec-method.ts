/** The methods of the control socket by which root makes a daemon replace itself, and sees the result. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { refuseOtherUsers } from "./owner-only.ts";
import { formatVersion } from "../../version.ts";

/** The program that has been tried, and will replace the daemon at once. */
export const ReexecSchema = v.object({ version: v.string(), waitMs: v.number() });
/** The program that runs now. `instance` is another one after each start of a program. */
export const InstanceSchema = v.object({
  instance: v.string(),
  version: v.string(),
  problem: v.nullable(v.string()),
});

/** `waitMs`: the most time until the program is replaced. */
export type ReexecAnswer = v.InferOutput<typeof ReexecSchema>;

/** The part of the control socket. */
export type ReexecMethods = {
  methods: Method[];
  /** Sets what starts a replacement. Before that, it is refused with `BUSY`. */
  set(start: () => Promise<ReexecAnswer>): void;
  /** The last replacement has failed, and this program goes on. */
  fail(problem: string): void;
};

/** Creates the methods. Only root and the daemon's own user may replace it. */
export function createReexecMethods(role: "host" | "guest"): ReexecMethods {
  const instance = crypto.randomUUID();
  let start: (() => Promise<ReexecAnswer>) | undefined;
  let problem: string | null = null;
  const reexec = defineMethod({
    name: "reexec",
    isOpen: true,
    own: "change",
    params: v.optional(v.object({})),
    async run(_params, { call }) {
      refuseOtherUsers(call, { role, subcommand: "reexec", verb: "replaces itself" });
      if (start === undefined) {
        throw new NegotiatorError("BUSY", `The ${role}'s daemon is starting, or is being replaced already`, {
          remedy: `Look whether it is ready: negotiator ${role} status`,
        });
      }
      problem = null;
      return { result: await start() };
    },
  });
  const describe = defineMethod({
    name: "daemon-instance",
    isOpen: true,
    own: "question",
    params: v.optional(v.object({})),
    run: () => Promise.resolve({ result: { instance, version: formatVersion(), problem } }),
  });
  return {
    methods: [reexec, describe],
    set: (next) => void (start = next),
    fail: (reason) => void (problem = reason),
  };
}
