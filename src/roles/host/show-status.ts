/** The subcommand `status` of a host. */
import { NegotiatorError } from "../../errors.ts";
import { printable, printableJson } from "../../printable.ts";
import { noDaemon } from "../cli/control-client.ts";
import { print } from "../cli/output.ts";
import { warnOfPolicy } from "../daemon/file-status.ts";
import { formatLinkStatus } from "../daemon/link-status.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { askHostStatus } from "./ask-status.ts";
import { noGuest } from "./no-guest.ts";
import type { GuestStatus } from "./status.ts";

/**
 * Prints the daemon's guests, or the named one. Throws `NO_CHANNEL` without a daemon, `NO_GUEST` for an
 * unknown name.
 */
export async function showStatus({ words, config }: Invocation): Promise<Outcome> {
  const { control } = config.settings.host;
  const answer = await askHostStatus(control);
  if (answer === undefined) throw noDaemon("host", control);
  const { guests } = answer;
  await warnOfPolicy(answer);
  const [wanted] = words.positionals;
  const shown = guests.filter(({ name }) => wanted === undefined || name === wanted);
  if (wanted !== undefined && shown.length === 0)
    throw noGuest(
      wanted,
      guests.map(({ name }) => name),
    );
  if (shown.length === 0) return { exitCode: 0, error: noGuests() };
  if (words.options.has("json"))
    return print(shown.map((guest) => printableJson(JSON.stringify(guest))).join("\n"));
  return print(shown.map(formatGuest).join("\n"));
}

/** An empty list is a result, but a newcomer would not see why it is empty. */
function noGuests(): NegotiatorError {
  return new NegotiatorError("NO_GUEST", "The daemon runs, and knows no guest", {
    remedy: "Look why: negotiator host list-guests",
  });
}

function formatGuest(guest: GuestStatus): string {
  const slow = guest.overQuota === undefined ? "" : `, slowed down: it sends ${printable(guest.overQuota)}`;
  return `${printable(guest.name)}: ${formatLinkStatus(guest)}${slow}`;
}
