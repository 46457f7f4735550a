/** The subcommand `list-guests` of a host. */
import { NegotiatorError } from "../../errors.ts";
import { printable, printableJson } from "../../printable.ts";
import { print } from "../cli/output.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { askStatus } from "./ask-status.ts";
import type { GuestStatus } from "./status.ts";

type Row = Pick<GuestStatus, "name" | "uuid"> & {
  state: GuestStatus["state"] | null;
  dialect: GuestStatus["dialect"];
};

/** The name of the dialect of guests that have only the QEMU guest agent. */
export const QGA_DIALECT = "qga";

/**
 * Prints the running guests. Asks the daemon when one runs, because only it knows guests from its own
 * options. If there are none, says on stderr where it looked; a user without rights gets `DENIED`.
 */
export async function listGuests(invocation: Invocation): Promise<Outcome> {
  const found = (await askRows(invocation)) ?? (await findRows(invocation));
  const hasAll = invocation.words.options.has("all");
  const rows = found.filter(({ dialect }) => hasAll || dialect !== QGA_DIALECT);
  if (rows.length === 0 && found.length > 0) return reportHidden(found.length);
  if (rows.length === 0) return reportNone(invocation);
  const isJson = invocation.words.options.has("json");
  return print(
    rows.map((row) => (isJson ? printableJson(JSON.stringify(row)) : printable(row.name))).join("\n"),
  );
}

/** An empty list is a result, unless this user may not see the guests. */
async function reportNone({ config, words, dialects }: Invocation): Promise<Outcome> {
  if (words.options.has("socket")) return { exitCode: 0 };
  const { explainEmpty } = await import("./no-guests.ts");
  const { DIALECTS } = await import("../../peers/dialects.ts");
  const { defaultPort } = dialects ?? DIALECTS;
  const error = await explainEmpty(config.settings, defaultPort);
  return { exitCode: error.code === "DENIED" ? 1 : 0, error };
}

function reportHidden(count: number): Outcome {
  const [guests, them] = count === 1 ? ["guest has", "it"] : ["guests have", "them"];
  const error = new NegotiatorError("NO_GUEST", `${count} ${guests} only the QEMU guest agent`, {
    remedy: `See ${them}: negotiator host list-guests --all`,
  });
  return { exitCode: 0, error };
}

async function askRows({ words, config }: Invocation): Promise<Row[] | undefined> {
  if (["direct", "connect", "socket"].some((option) => words.options.has(option))) return undefined;
  const guests = await askStatus(config.settings.host.control);
  return guests?.map(({ name, uuid, state, dialect }) => ({ name, uuid, state, dialect }));
}

async function findRows(invocation: Invocation): Promise<Row[]> {
  const { findEndpoints } = await import("./direct.ts");
  const { AGENT_PORT } = await import("../../peers/qga/port.ts");
  const { endpoints } = await findEndpoints(invocation);
  const uuids = new Map(endpoints.map(({ guest, uuid }) => [guest, uuid ?? null]));
  const negotiators = new Set(endpoints.filter(({ port }) => port !== AGENT_PORT).map(({ guest }) => guest));
  return [...uuids]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, uuid]) => ({
      name,
      uuid,
      state: null,
      dialect: negotiators.has(name) ? null : QGA_DIALECT,
    }));
}
