/**
 * Finds guests on a host without libvirt: reads the command lines of the QEMU processes that run here, of
 * those that `judgeHypervisor` trusts. Its sockets have to pass `checkSocket`.
 *
 * A process that is not trusted and a socket that does not pass become problems. The administrator can still
 * name the socket in the config.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { shellWord } from "../../shell-word.ts";
import { shorten } from "../../shorten.ts";
import { ourUid } from "../../trust/ownership.ts";
import type { Endpoint, Finder, Scan } from "../endpoint.ts";
import { listDomainProcesses } from "../libvirt/domain-process.ts";
import { readClaim } from "./claim.ts";
import type { GuestClaim, ClaimReading } from "./claim.ts";
import { createCommandLines } from "./command-line.ts";
import { HOST_RULES, judgeHypervisor } from "./hypervisor.ts";
import type { HypervisorRules } from "./hypervisor.ts";
import type { UnfitPort } from "./qemu-options.ts";
import { checkSocket } from "./socket-trust.ts";

/** Options of the QEMU finder. */
export type QemuOptions = Partial<Omit<HypervisorRules, "domains">> & {
  /** Names of the ports to report; the finder skips all others. */
  ports: ReadonlySet<string>;
};

/** Returns a finder for the ports of QEMU processes. It throws `NO_CHANNEL` when it cannot read /proc. */
export function createQemuFinder({ ports, ...changes }: QemuOptions): Finder {
  const rules = { ...HOST_RULES, trustedUids: [0, ourUid()], ...changes };
  const { procDirectory } = rules;
  const lines = createCommandLines(procDirectory);
  return async (signal) => {
    const judged = await judgeAll({ ...rules, domains: once(listDomainProcesses) }, signal);
    lines.keep(judged.trusted.map(({ facts }) => facts));
    const reading = { ports, procDirectory, lines, signal };
    const found: FoundGuest[] = [];
    for (const hypervisor of dropChildren(await readClaims(judged.trusted, reading)))
      found.push("claim" in hypervisor ? await checkClaim(hypervisor, procDirectory) : hypervisor);
    return {
      endpoints: found.flatMap(({ endpoints = [] }) => endpoints),
      problems: [...found.flatMap(({ problems = [] }) => problems), ...limitUntrusted(judged.problems)],
      unread: [],
    };
  };
}

type FoundGuest = Partial<Pick<Scan, "endpoints" | "problems">>;
type Trusted = { facts: GuestClaim["facts"]; uid: number };

async function judgeAll(
  rules: HypervisorRules,
  signal: AbortSignal,
): Promise<{ trusted: Trusted[]; problems: NegotiatorError[] }> {
  const trusted: Trusted[] = [];
  const problems: NegotiatorError[] = [];
  for (const pid of await listProcesses(rules.procDirectory)) {
    signal.throwIfAborted();
    const judged = await judgeHypervisor(pid, rules);
    if (judged === undefined) continue;
    if ("facts" in judged) trusted.push(judged);
    else problems.push(denied(`QEMU process ${pid}`, `it ${judged.objection}`));
  }
  return { trusted, problems };
}

async function listProcesses(procDirectory: string): Promise<number[]> {
  try {
    const entries = await readdir(procDirectory);
    return entries
      .filter((entry) => /^\d+$/.test(entry))
      .map(Number)
      .toSorted((left, right) => left - right);
  } catch (error) {
    const reason = NegotiatorError.from(error).message;
    const message = `Cannot look for QEMU processes in "${procDirectory}": ${reason}`;
    throw new NegotiatorError("NO_CHANNEL", message, { cause: error });
  }
}

type Claimant = { claim: GuestClaim; uid: number };

/** Returns the claims, and a problem for each process whose command line cannot be read. */
async function readClaims(
  trusted: readonly Trusted[],
  reading: ClaimReading,
): Promise<(Claimant | FoundGuest)[]> {
  const claims: (Claimant | FoundGuest)[] = [];
  for (const { facts, uid } of trusted) {
    try {
      const claim = await readClaim(facts, reading);
      if (claim !== undefined) claims.push({ claim, uid });
    } catch (error) {
      reading.signal.throwIfAborted();
      // The process has ended, or it belongs to another user.
      if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(errnoOf(error) ?? "")) continue;
      const { message } = NegotiatorError.from(error);
      claims.push({ problems: [denied(`QEMU process ${facts.pid}`, message)] });
    }
  }
  return claims;
}

/**
 * Leaves out a child with the command line of its parent: QEMU begins in a child (`-daemonize`), and starts
 * other programs from one. Two other processes with the same claim are a clash, for `mergeEndpoints`.
 */
function dropChildren(found: readonly (Claimant | FoundGuest)[]): (Claimant | FoundGuest)[] {
  const lines = new Map(
    found.flatMap((each) => ("claim" in each ? [[each.claim.facts.pid, each.claim.line]] : [])),
  );
  return found.filter(
    (each) => !("claim" in each) || lines.get(each.claim.facts.parentPid) !== each.claim.line,
  );
}

async function checkClaim({ claim, uid }: Claimant, procDirectory: string): Promise<FoundGuest> {
  const { name, uuid, facts } = claim;
  const { pid, startTicks } = facts;
  const who = `guest "${printable(shorten(name, SHOWN_NAME_LENGTH))}" of QEMU process ${pid}`;
  if (!claim.isNameExact) return { problems: [denied(who, "its name is not UTF-8")] };
  const endpoints: Endpoint[] = [];
  const problems = claim.unfit.map((port) => unfit(who, name, port));
  for (const { port, path } of claim.sockets) {
    const objection =
      path === undefined
        ? "the path of its socket is not UTF-8"
        : await checkSocket(path, { uid, root: join(procDirectory, String(pid), "root") });
    if (objection !== undefined) problems.push(denied(who, objection));
    if (objection !== undefined || path === undefined) continue;
    const shared = { guest: name, port, path, source: "qemu", uid, qemu: { pid, startTicks } } as const;
    endpoints.push(uuid === undefined ? shared : { ...shared, uuid });
  }
  return { endpoints, problems };
}

/** Any local user can start many processes. These limits keep them from filling the log. */
const REPORTED_UNTRUSTED = 8;
const SHOWN_NAME_LENGTH = 64;

function limitUntrusted(problems: readonly NegotiatorError[]): readonly NegotiatorError[] {
  if (problems.length <= REPORTED_UNTRUSTED) return problems;
  const remedy = "List them: ps -eo pid,user,args | grep qemu";
  // The watch logs each text once, so the text must not contain their number.
  const message = `Cannot use more QEMU processes: over ${REPORTED_UNTRUSTED} are not trusted`;
  return [...problems.slice(0, REPORTED_UNTRUSTED), new NegotiatorError("DENIED", message, { remedy })];
}

function unfit(who: string, name: string, { port, kind }: UnfitPort): NegotiatorError {
  return new NegotiatorError(
    "UNSUPPORTED",
    `Cannot use the ${who}: its port ${port} is on ${printable(kind)}, and not on a unix socket at which ` +
      "QEMU listens",
    { remedy: `Start it with these: negotiator host add-channel --print-qemu-args ${shellWord(name)}` },
  );
}

function denied(who: string, objection: string): NegotiatorError {
  const remedy =
    "To use it, name its socket: --socket GUEST=PATH, or a [[guests]] table in the config, with its user";
  return new NegotiatorError("DENIED", `Cannot use the ${who}: ${objection}`, { remedy });
}

function once<Value>(find: () => Promise<Value>): () => Promise<Value> {
  let found: Promise<Value> | undefined;
  return () => (found ??= find());
}
