/** The guest's `status`: the daemon's link to the host. */
import * as v from "valibot";
import { defineMethod } from "../../methods/method.ts";
import type { Method } from "../../methods/method.ts";
import { printableJson } from "../../printable.ts";
import { print } from "../cli/output.ts";
import { dialControl, noDaemon } from "../cli/control-client.ts";
import { askDaemon, warnOfVersion } from "../cli/ask-daemon.ts";
import { FileStatusEntries, warnOfPolicy } from "../daemon/file-status.ts";
import { formatLinkStatus, LinkStatusSchema } from "../daemon/link-status.ts";
import type { LinkStatus } from "../daemon/link-status.ts";
import type { CliSession } from "../cli/cli-session.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";

const StatusSchema = v.object({ host: LinkStatusSchema, ...FileStatusEntries });

/** The daemon's method `status`, which answers with `status()`. */
export function createHostStatus(status: () => v.InferOutput<typeof StatusSchema>): Method {
  return defineMethod({
    name: "status",
    isOpen: true,
    own: "question",
    params: v.optional(v.object({})),
    run: () => Promise.resolve({ result: status() }),
  });
}

/** Asks the daemon for the status of its link to the host, within `timeoutMs` (0 for no limit). */
export async function askStatus(control: CliSession, timeoutMs?: number): Promise<LinkStatus> {
  return (await askDaemon(control, "status", StatusSchema, { timeoutMs })).host;
}

/** Prints the status of the daemon's link to the host. Throws `NO_CHANNEL` if no daemon runs. */
export async function showStatus({ words, config }: Invocation): Promise<Outcome> {
  const path = config.settings.guest.control;
  await using control = await dialControl("guest", path);
  if (control === undefined) throw noDaemon("guest", path);
  const { host, ...files } = await askDaemon(control, "status", StatusSchema);
  await warnOfVersion(control);
  await warnOfPolicy(files);
  return print(
    words.options.has("json")
      ? printableJson(JSON.stringify(host))
      : `host: ${formatLinkStatus(host)}${explainWaiting(host)}`,
  );
}

function explainWaiting({ state, lastError }: LinkStatus): string {
  return state === "waiting" && lastError === null ? ", no host daemon has connected yet" : "";
}
