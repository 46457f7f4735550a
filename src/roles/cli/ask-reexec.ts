/** Asks this machine's daemon to replace itself, and waits until the new program serves. */
import { NegotiatorError } from "../../errors.ts";
import { pause } from "../../peers/supervise.ts";
import { printable } from "../../printable.ts";
import type * as v from "valibot";
import { InstanceSchema, ReexecSchema } from "../daemon/reexec-method.ts";
import { askDaemon } from "./ask-daemon.ts";
import { dialControl, noDaemon } from "./control-client.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

/** The daemon tries the new program first, which may take so long on a slow machine. */
const TRY_MS = 30_000;
/** The time that the new program has for its start. */
const START_MS = 30_000;
const STEP_MS = 25;

type Instance = v.InferOutput<typeof InstanceSchema>;

/** Throws the reason if the old program goes on, and `NO_CHANNEL` if no daemon runs. */
export async function askReexec(role: "host" | "guest", { config }: Invocation): Promise<Outcome> {
  const path = config.settings[role].control;
  const { before, waitMs } = await start(role, path);
  const endMs = performance.now() + waitMs + START_MS;
  let last: unknown;
  while (performance.now() < endMs) {
    await pause(STEP_MS, new AbortController().signal);
    const now = await askInstance(role, path).catch((thrown: unknown) => void (last = thrown));
    if (now === undefined) continue;
    if (now.instance !== before.instance)
      return print(`The ${role}'s daemon is now ${printable(now.version)}`);
    if (now.problem !== null) throw new NegotiatorError("UNSUPPORTED", now.problem);
  }
  throw new NegotiatorError(
    "TIMEOUT",
    `The ${role}'s daemon was to replace itself, and does not answer since`,
    {
      cause: last,
      remedy: `Read its log: journalctl -u negotiator-${role}`,
    },
  );
}

async function start(role: "host" | "guest", path: string): Promise<{ before: Instance; waitMs: number }> {
  await using control = await dialControl(role, path);
  if (control === undefined) throw noDaemon(role, path);
  const before = await askDaemon(control, "daemon-instance", InstanceSchema).catch((thrown: unknown) => {
    throw tooOld(role, thrown);
  });
  const { waitMs } = await askDaemon(control, "reexec", ReexecSchema, { timeoutMs: TRY_MS });
  return { before, waitMs };
}

/** Undefined while the daemon is not there. */
async function askInstance(role: "host" | "guest", path: string): Promise<Instance | undefined> {
  await using control = await dialControl(role, path);
  if (control === undefined) return undefined;
  // The connection has to stay open until the answer is there.
  return await askDaemon(control, "daemon-instance", InstanceSchema);
}

function tooOld(role: "host" | "guest", thrown: unknown): NegotiatorError {
  const error = NegotiatorError.from(thrown);
  if (error.code !== "UNKNOWN_METHOD") return error;
  return new NegotiatorError(
    "UNSUPPORTED",
    `The ${role}'s daemon is of a release that cannot replace itself`,
    {
      cause: error,
      remedy: `Restart it: systemctl restart negotiator-${role}`,
    },
  );
}
