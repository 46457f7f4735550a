/** Asks this machine's daemon to read its files again, and waits for the result. */
import { logFor } from "../../log.ts";
import { NegotiatorError } from "../../errors.ts";
import { ReloadSchema } from "../daemon/reload-method.ts";
import { askDaemon } from "./ask-daemon.ts";
import { dialControl, noDaemon } from "./control-client.ts";
import { print } from "./output.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

const log = logFor("reload");

/** Throws `BAD_CONFIG` with what is wrong, and `NO_CHANNEL` if no daemon runs. */
export async function askReload(role: "host" | "guest", { config }: Invocation): Promise<Outcome> {
  const path = config.settings[role].control;
  await using control = await dialControl(role, path);
  if (control === undefined) throw noDaemon(role, path);
  const { problems, warnings } = await askDaemon(control, "reload", ReloadSchema);
  for (const warning of warnings) log.warn(warning);
  if (problems.length > 0) throw new NegotiatorError("BAD_CONFIG", problems.join("\n"));
  return print(`The ${role}'s daemon uses the config and the policy as they are now`);
}
