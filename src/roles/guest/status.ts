/** `status`: how the guest's daemon gets on with the host. */
import * as v from "valibot";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "../cli/output.ts";
import { dialControl, noDaemon } from "../cli/control-client.ts";
import { askDaemon } from "../cli/ask-daemon.ts";
import { formatLinkStatus, LinkStatusSchema } from "../daemon/link-status.ts";
import type { LinkStatus } from "../daemon/link-status.ts";
import type { CliSession } from "../cli/cli-session.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";

const StatusSchema = v.object({ host: LinkStatusSchema });

export function createHostStatus(status: () => LinkStatus): Method {
  return defineMethod({
    name: "status",
    isOpen: true,
    params: v.optional(v.object({})),
    run: () => Promise.resolve({ result: { host: status() } }),
  });
}

/**
 * How the daemon at the other end of `control` gets on with the host. It has `timeoutMs` to say so, 0 is no
 * limit.
 */
export async function askStatus(control: CliSession, timeoutMs?: number): Promise<LinkStatus> {
  return (await askDaemon(control, "status", StatusSchema, timeoutMs)).host;
}

/** Throws `NO_CHANNEL` when no daemon runs. */
export async function showStatus({ words, config }: Invocation): Promise<Outcome> {
  const path = config.settings.guest.control;
  await using control = await dialControl("guest", path);
  if (control === undefined) throw noDaemon("guest", path);
  const host = await askStatus(control);
  return print(
    words.options.has("json")
      ? printableJson(JSON.stringify(host))
      : printable(`host: ${formatLinkStatus(host)}`),
  );
}
