/** The subcommand `status` of a host. */
import { NegotiatorError } from "../../errors.ts";
import { printable, printableJson } from "../../printable.ts";
import { askDaemon, explainVersion, formatVersionWarning } from "../cli/ask-daemon.ts";
import { dialControl, noDaemon } from "../cli/control-client.ts";
import { formatAge } from "../cli/quantity.ts";
import { watchInterval } from "../cli/status-options.ts";
import type { StatusRow } from "../cli/status-table.ts";
import { showStatusView } from "../cli/status-view.ts";
import type { StatusPicture } from "../cli/status-picture.ts";
import { explainPolicy } from "../daemon/file-status.ts";
import { formatLinkStatus } from "../daemon/link-status.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { noGuest } from "./no-guest.ts";
import { StatusSchema } from "./status.ts";
import type { GuestStatus, HostStatus } from "./status.ts";

/**
 * Prints the daemon's guests, or the named one. Throws `NO_CHANNEL` without a daemon, `NO_GUEST` for an
 * unknown name.
 */
export async function showStatus({ words, config }: Invocation): Promise<Outcome> {
  const { control } = config.settings.host;
  const [wanted] = words.positionals;
  const isJson = words.options.has("json");
  const intervalMs = watchInterval(words);
  if (words.options.has("check")) {
    const { checkPeer } = await import("../cli/status-check.ts");
    const fine = wanted === undefined ? "all guests that run" : `guest ${printable(wanted)}`;
    const form = { fine: `${fine}: nothing is wrong`, isJson, isNamed: wanted !== undefined };
    return checkPeer(async () => {
      const { guests, ...status } = await takeStatus(control, wanted);
      // Many distributions block commands of the agent, so that is not a warning.
      return { ...status, rows: guests.map((guest) => rowOf({ ...guest, cannot: [] })) };
    }, form);
  }
  return showStatusView({
    title: "GUEST",
    isJson,
    intervalMs,
    emptyNote: noGuests(),
    async take() {
      const { guests, problems } = await takeStatus(control, wanted);
      return pictureOf(guests, problems, isJson);
    },
  });
}

/** The guests that the user wants to see, and what is wrong with the daemon itself. */
type ShownStatus = Pick<HostStatus, "guests" | "unreadFile"> & { problems: string[] };

/** Throws as `showStatus` does. */
async function takeStatus(control: string, wanted: string | undefined): Promise<ShownStatus> {
  await using session = await dialControl("host", control);
  if (session === undefined) throw noDaemon("host", control);
  const status = await askDaemon(session, "status", StatusSchema, { params: { measures: true } });
  const guests = status.guests.filter(({ name }) => wanted === undefined || name === wanted);
  if (wanted !== undefined && guests.length === 0)
    throw noGuest(
      wanted,
      status.guests.map(({ name }) => name),
    );
  const problems = [
    formatVersionWarning(explainVersion(session, status)),
    explainPolicy(status),
    ...status.problems.map(formatProblem),
  ];
  return {
    guests,
    unreadFile: status.unreadFile,
    problems: problems.filter((problem) => problem !== undefined),
  };
}

function formatProblem({ message, since }: HostStatus["problems"][number]): string {
  const [first = "", ...remedy] = message.split("\n");
  const age = formatAge(Date.now() - Date.parse(since));
  return [`${first} (since ${since}, ${age})`, ...remedy].join("\n");
}

function pictureOf(
  guests: readonly GuestStatus[],
  problems: readonly string[],
  isJson: boolean,
): StatusPicture {
  return {
    problems,
    rows: guests.map(rowOf),
    lines: guests.map((guest) => (isJson ? printableJson(JSON.stringify(guest)) : formatGuest(guest))),
  };
}

function rowOf({ overQuota, cannot = [], ...guest }: GuestStatus): StatusRow {
  const slow = overQuota === undefined ? [] : [`slowed down: it sends ${overQuota}`];
  return { ...guest, remarks: [...slow, ...cannot] };
}

/** An empty list is a result, but a newcomer would not see why it is empty. */
function noGuests(): NegotiatorError {
  return new NegotiatorError("NO_GUEST", "The daemon runs, and knows no guest", {
    remedy: "Look why: negotiator host list-guests",
  });
}

/** Scripts read these lines. */
function formatGuest(guest: GuestStatus): string {
  const slow = guest.overQuota === undefined ? "" : `, slowed down: it sends ${printable(guest.overQuota)}`;
  const cannot = (guest.cannot ?? []).map((phrase) => `, ${printable(phrase)}`).join("");
  return `${printable(guest.name)}: ${formatLinkStatus(guest)}${slow}${cannot}`;
}
