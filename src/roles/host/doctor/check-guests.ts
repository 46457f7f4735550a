/** Looks at all guests: which have a port, and whose agents answer. */
import { virshAt } from "../../../discovery/attach-line.ts";
import type { Endpoint } from "../../../discovery/endpoint.ts";
import { parseDomainDevices } from "../../../discovery/libvirt/domain-xml.ts";
import { mapBounded, PARALLEL_CALLS } from "../../../discovery/libvirt/parallel-calls.ts";
import { askVirsh, listUuids } from "../../../discovery/libvirt/virsh.ts";
import { NegotiatorError } from "../../../errors.ts";
import { nativePorts } from "../../../peers/dialect-table.ts";
import { DIALECTS } from "../../../peers/dialects.ts";
import { runText } from "../../../process/run-text.ts";
import { shellLine, shellWord } from "../../../shell-word.ts";
import { defineCheck } from "../../doctor/check.ts";
import { AS_ROOT, fromLook, isDenial, ok, problem, unknown, warning } from "../../doctor/finding.ts";
import type { Found } from "../../doctor/finding.ts";
import { askHostStatus } from "../ask-status.ts";
import { createFinders } from "../finders.ts";
import { countGuests, MOST_NAMES, nameSome } from "./names.ts";
import type { GuestStatus } from "../status.ts";

/**
 * `endpoints`: the ports that were found. `bare`: the names of running guests of libvirt without a port.
 * `later`: those that get it when they are started again. `wrong`: those whose port is of another kind.
 * `known`: the daemon's guests; undefined without a daemon that this user may ask.
 */
type GuestsFacts = {
  endpoints: readonly Endpoint[];
  problems: readonly NegotiatorError[];
  bare: readonly string[];
  later: readonly string[];
  wrong: readonly string[];
  known: readonly GuestStatus[] | undefined;
  /** This user may not ask the daemon. */
  isRefused: boolean;
  connect: string;
};

/** A host may have hundreds of guests, and libvirt is asked about each. */
const MANY_MS = 60_000;

/** All guests of this host. */
export const CHECK_GUESTS = defineCheck<GuestsFacts>({
  name: "guests",
  timeoutMs: MANY_MS,
  async look({ invocation, signal }) {
    const { settings } = invocation.config;
    const { connect, control } = settings.host;
    const { find, stopped } = createFinders(settings, [], invocation.dialects ?? DIALECTS);
    const { endpoints, problems } = await find(signal);
    const without = stopped === undefined ? [] : await findBare(endpoints, connect, signal);
    const namesWith = (port: Bare["port"]): string[] =>
      without.filter((each) => each.port === port).map(({ name }) => name);
    const [bare, later, wrong] = [namesWith("missing"), namesWith("later"), namesWith("wrong")];
    const asked = await askHostStatus(control).catch((thrown: unknown) => NegotiatorError.from(thrown));
    const isError = asked instanceof NegotiatorError;
    const known = isError ? undefined : asked?.guests;
    return { endpoints, problems, bare, later, wrong, known, isRefused: isError && isDenial(asked), connect };
  },
  judge(facts, { isRoot }) {
    const { endpoints, problems, bare, later, wrong, known, isRefused, connect } = facts;
    // The check of libvirt has that problem already.
    const found: Found[] = problems
      .filter(({ code, message }) => !OTHERS.has(code) && !message.startsWith("Cannot ask libvirt"))
      .map((error) => fromLook(error, isRoot));
    if (bare.length > 0)
      found.push(
        warning(
          `${countGuests(bare)} without a port: ${nameSome(bare)}`,
          `Give it to them: ${addLine(bare, connect)}`,
        ),
      );
    if (wrong.length > 0)
      found.push(
        problem(
          `${countGuests(wrong)} whose port is not a socket on which QEMU listens: ${nameSome(wrong)}`,
          `See how to correct each: negotiator host doctor ${shellWord(wrong[0] ?? "GUEST")}`,
        ),
      );
    if (later.length > 0) {
      const name = shellWord(later[0] ?? "GUEST");
      found.push(
        warning(
          `${countGuests(later)} with the port only from the next start on: ${nameSome(later)}`,
          `Look at each: negotiator host doctor ${name}`,
        ),
      );
    }
    if (known !== undefined) return [...found, ...judgeStates(known, connect)];
    const names = [...new Set(endpoints.map(({ guest }) => guest))];
    if (isRefused && names.length === 0)
      return [...found, unknown("this user sees no guest, and may not ask the daemon about them", AS_ROOT)];
    if (names.length === 0 && problems.length > 0)
      return [
        ...found,
        unknown("guests cannot be found as long as there is the problem that is named above"),
      ];
    if (names.length === 0) return found.length > 0 ? found : [ok("no guest with a port runs")];
    return [
      ...found,
      unknown(`${countGuests(names)} with a port, and no daemon to ask about them: ${nameSome(names)}`),
    ];
  },
});

/** A running domain without a usable port. `later`: its next start gives it one. */
type Bare = { name: string; port: "missing" | "later" | "wrong" };

/** The running domains that no endpoint has. */
async function findBare(
  endpoints: readonly Endpoint[],
  connect: string,
  signal: AbortSignal,
): Promise<Bare[]> {
  const options = { connect: connect === "" ? undefined : connect, runText };
  const having = new Set(endpoints.map(({ uuid }) => uuid));
  const taken = new Set(endpoints.map(({ guest }) => guest));
  const ports = new Set(nativePorts());
  try {
    const missing = (await listUuids([], options, signal)).filter((uuid) => !having.has(uuid));
    const names = await mapBounded(missing, PARALLEL_CALLS, async (uuid) => {
      const xml = await askVirsh(["dumpxml", "--inactive", "--", uuid], options, signal);
      if (xml === undefined) return [];
      const { name, devices } = parseDomainDevices(xml);
      const own = devices.filter(({ port }) => ports.has(port));
      const port = own.length === 0 ? "missing" : own.some(({ isBound }) => isBound) ? "later" : "wrong";
      // A guest of the config may have its name.
      return taken.has(name) ? [] : [{ name, port } as const];
    });
    return names.flat().toSorted((one, other) => (one.name < other.name ? -1 : 1));
  } catch {
    // The check of libvirt says why it does not answer.
    return [];
  }
}

/** Returns what the daemon's states of its guests mean. Guests with the same error share one finding. */
export function judgeStates(guests: readonly GuestStatus[], connect = ""): Found[] {
  const found: Found[] = [];
  const fine = guests.filter(
    ({ state, lastError }) => !ABSENT.has(state) && state !== "paused" && !isBad(state) && lastError === null,
  );
  const waiting = guests.filter(({ state, lastError }) => state === "waiting" && lastError === null);
  const silent = guests.filter(({ state, lastError }) => state === "unresponsive" && lastError === null);
  if (waiting.length > 0)
    found.push(
      warning(
        `no agent has answered yet in ${countGuests(namesOf(waiting))}: ${nameSome(namesOf(waiting))}`,
        `Look at each: negotiator host doctor ${shellWord(waiting[0]?.name ?? "GUEST")}`,
      ),
    );
  if (silent.length > 0)
    found.push(
      problem(
        `agents that answered before are silent now: ${nameSome(namesOf(silent))}`,
        `Look at each: negotiator host doctor ${shellWord(silent[0]?.name ?? "GUEST")}`,
      ),
    );
  const failed = Map.groupBy(guests, ({ lastError }) => lastError ?? "");
  for (const [lastError, those] of failed) {
    if (lastError === "") continue;
    const [first = "", ...rest] = lastError.split("\n");
    const names = namesOf(those);
    const whose = names.length === 1 ? `"${nameSome(names)}"` : `${countGuests(names)} (${nameSome(names)})`;
    const look = `Look at ${names.length === 1 ? "it" : "each"}: negotiator host doctor`;
    const remedy = rest.join("\n") || `${look} ${shellWord(names[0] ?? "GUEST")}`;
    found.push(problem(`${whose}: ${first}`, remedy));
  }
  if (fine.length > 0)
    found.unshift(ok(`${countGuests(namesOf(fine))} ${fine.length === 1 ? "answers" : "answer"}`));
  const paused = namesOf(guests.filter(({ state }) => state === "paused"));
  if (paused.length > 0)
    found.push(
      warning(
        `paused: ${nameSome(paused)}`,
        `Resume each: ${virshAt(connect)} resume ${shellWord(paused[0] ?? "GUEST")}`,
      ),
    );
  const absent = guests.filter(({ state }) => ABSENT.has(state));
  if (absent.length > 0)
    found.push(ok(`not running: ${nameSome(absent.map(({ name, state }) => `${name} (${state})`))}`));
  return found.length > 0 ? found : [ok("the daemon knows no guest with a port")];
}

const OTHERS: ReadonlySet<string> = new Set(["UNSUPPORTED", "NO_CHANNEL", "TIMEOUT"]);
const ABSENT: ReadonlySet<string> = new Set(["saved", "shut off"]);

function isBad(state: string): boolean {
  return state === "waiting" || state === "unresponsive";
}

function namesOf(guests: readonly GuestStatus[]): string[] {
  return guests.map(({ name }) => name);
}

function addLine(names: readonly string[], connect: string): string {
  const words = [...(connect === "" ? [] : ["--connect", connect]), ...names.slice(0, MOST_NAMES)];
  return `negotiator host add-channel ${shellLine(words)}`;
}
