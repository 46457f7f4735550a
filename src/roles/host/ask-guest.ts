/** The subcommands `guest-info`, `freeze`, `thaw` and `shutdown` of a host. */
import * as v from "valibot";
import { NegotiatorError } from "../../errors.ts";
import { GuestFactsSchema, SHUTDOWN_MODES } from "../../peers/guest-words.ts";
import type { GuestFacts } from "../../peers/guest-words.ts";
import { printable, printableJson } from "../../printable.ts";
import { askDaemon } from "../cli/ask-daemon.ts";
import { callLimits, LIST_SECONDS, relayTimeout } from "../cli/call-limits.ts";
import { dialControl, noDaemon } from "../cli/control-client.ts";
import { print } from "../cli/output.ts";
import { formatBytes } from "../cli/quantity.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";

/** Prints the facts that the guest tells. */
export async function showGuestInfo(invocation: Invocation): Promise<Outcome> {
  const facts = await ask(invocation, "guest-info", GuestFactsSchema);
  if (invocation.words.options.has("json")) return print(printableJson(JSON.stringify(facts)));
  return print(describe(facts).map(printable).join("\n"));
}

/** Freezes or thaws, and prints the number of file systems. */
export async function freezeGuest(invocation: Invocation, word: "freeze" | "thaw"): Promise<Outcome> {
  const { count } = await ask(invocation, word, v.object({ count: v.number() }));
  return print(String(count));
}

/** Shuts the guest down. Throws `BAD_USAGE` for an unknown mode. */
export async function shutGuestDown(invocation: Invocation): Promise<Outcome> {
  const [given = "powerdown"] = invocation.words.options.get("mode") ?? [];
  const mode = SHUTDOWN_MODES.find((known) => known === given);
  if (mode === undefined) {
    const message = `Cannot shut down in the mode "${given}"`;
    throw new NegotiatorError("BAD_USAGE", message, { remedy: `Use one of: ${SHUTDOWN_MODES.join(", ")}` });
  }
  await ask(invocation, "shutdown", v.object({}), { mode });
  return { exitCode: 0 };
}

async function ask<Schema extends v.GenericSchema>(
  { words, config: { settings } }: Invocation,
  method: string,
  schema: Schema,
  more: Readonly<Record<string, string>> = {},
): Promise<v.InferOutput<Schema>> {
  const [guest = ""] = words.positionals;
  const limits = callLimits(words, settings, LIST_SECONDS);
  await using control = await dialControl("host", settings.host.control);
  if (control === undefined) throw noDaemon("host", settings.host.control);
  const params = { guest, connectTimeoutMs: limits.connectTimeoutMs, ...more };
  return await askDaemon(control, method, schema, { timeoutMs: relayTimeout(limits), params });
}

function describe(facts: GuestFacts): string[] {
  const { hostName, system, kernel, timeZone, interfaces = [], users = [], fileSystems = [], frozen } = facts;
  return [
    ...line("host name", hostName),
    ...line("system", [system, kernel && `kernel ${kernel}`].filter((text) => text !== undefined).join(", ")),
    ...line("time zone", timeZone),
    ...interfaces.flatMap(({ name, addresses }) =>
      addresses.length === 0 ? [] : line("address", `${addresses.join(", ")} on ${name}`),
    ),
    ...users.flatMap(({ name, since }) => line("user", since === "" ? name : `${name}, since ${since}`)),
    ...fileSystems.flatMap(({ path, type, usedBytes, totalBytes }) =>
      line("file system", `${path}, ${type}${formatUse(usedBytes, totalBytes)}`),
    ),
    ...(frozen === true ? ["file systems are frozen"] : []),
  ];
}

function line(title: string, text: string | undefined): string[] {
  return text === undefined || text === "" ? [] : [`${title}: ${text}`];
}

function formatUse(used: number | undefined, total: number | undefined): string {
  if (used === undefined || total === undefined || total === 0) return "";
  return `, ${Math.round((100 * used) / total)} % of ${formatBytes(total)} used`;
}
