/** Looks at one guest: its state, its controller, its channel. */
import { virshAt } from "../../../discovery/attach-line.ts";
import type { Endpoint } from "../../../discovery/endpoint.ts";
import { findDomain, listAllDomains, readDomainFacts } from "../../../discovery/libvirt/domain-facts.ts";
import type { DomainFacts } from "../../../discovery/libvirt/domain-facts.ts";
import { NegotiatorError } from "../../../errors.ts";
import { nearest } from "../../../nearest.ts";
import { DIALECTS } from "../../../peers/dialects.ts";
import { nativePorts } from "../../../peers/dialect-table.ts";
import { printable } from "../../../printable.ts";
import { runText } from "../../../process/run-text.ts";
import { shellWord } from "../../../shell-word.ts";
import { askHostStatus } from "../ask-status.ts";
import { findEndpoints } from "../direct.ts";
import { QGA_DIALECT } from "../list-guests.ts";
import { planAdding } from "../channels/channel-plan.ts";
import { remedyLines } from "../channels/channel-steps.ts";
import { defineCheck } from "../../doctor/check.ts";
import type { JudgedCheck } from "../../doctor/check.ts";
import {
  AS_ROOT,
  fromError,
  fromLook,
  isDenial,
  ok,
  problem,
  unknown,
  warning,
} from "../../doctor/finding.ts";
import type { Found } from "../../doctor/finding.ts";

/**
 * `domain`: what libvirt knows; undefined for a guest of another source. `missing`: why there is none.
 * `hasOnlyQga`: the daemon calls it through the QEMU guest agent.
 */
type GuestFacts = {
  name: string;
  connect: string | undefined;
  domain: DomainFacts | undefined;
  endpoint: Endpoint | undefined;
  missing: NegotiatorError | undefined;
  /** The daemon may know the guest, and this user may not ask it. */
  isRefused: boolean;
  hasOnlyQga: boolean;
};

/** Returns the check of the guest with this name. */
export function createDomainCheck(name: string): JudgedCheck<GuestFacts> {
  return defineCheck<GuestFacts>({
    name: "guest",
    async look({ invocation, signal }) {
      const { host } = invocation.config.settings;
      const connect = host.connect === "" ? undefined : host.connect;
      const virsh = { connect, runText };
      const found = await findEndpoints(invocation, name, signal).catch((thrown: unknown) =>
        NegotiatorError.from(thrown),
      );
      const endpoint =
        found instanceof NegotiatorError ? undefined : found.endpoints.find(({ guest }) => guest === name);
      const uuid =
        host.libvirt === "no" ? undefined : await findDomain(name, virsh, signal).catch(() => undefined);
      const domain =
        uuid === undefined
          ? undefined
          : await readDomainFacts(uuid, await listAllDomains(virsh, signal), virsh, signal);
      const asked = await askHostStatus(host.control).catch((thrown: unknown) =>
        NegotiatorError.from(thrown),
      );
      const isRefused = asked instanceof NegotiatorError && isDenial(asked);
      const status = asked instanceof NegotiatorError ? undefined : asked;
      const known = status?.guests.find((guest) => guest.name === name);
      const hasOnlyQga = known?.dialect === QGA_DIALECT;
      // The daemon may know it by an option.
      if (domain !== undefined || endpoint !== undefined || known !== undefined)
        return { name, connect, domain, endpoint, missing: undefined, isRefused, hasOnlyQga };
      const missing = found instanceof NegotiatorError ? found : await found.explainMissing(name);
      return { name, connect, domain, endpoint, missing, isRefused, hasOnlyQga };
    },
    judge({ connect, domain, endpoint, missing, isRefused, hasOnlyQga }, { isRoot }) {
      if (missing !== undefined && isRefused && !isRoot) return [unknown(fromError(missing).text, AS_ROOT)];
      if (missing !== undefined) return [fromLook(missing, isRoot)];
      if (domain !== undefined) return judgeDomain(domain, { connect, hasOnlyQga });
      if (endpoint === undefined) return [ok("the daemon knows it")];
      return [ok(`its socket is ${printable(endpoint.path)}, by ${sourceOf(endpoint)}`)];
    },
  });
}

type Known = Pick<GuestFacts, "connect" | "hasOnlyQga">;

function judgeDomain(domain: DomainFacts, { connect, hasOnlyQga }: Known): Found[] {
  const { name, state, isSaved } = domain;
  const virsh = virshAt(connect);
  const word = shellWord(name);
  const channel = judgeChannel(domain, { connect, hasOnlyQga });
  if (state === "paused") return [problem("it is paused", `Resume it: ${virsh} resume ${word}`), ...channel];
  if (state === "shut off") {
    const how = isSaved ? "it is saved" : "it is shut off";
    return [problem(how, `Start it: ${virsh} start ${word}`), ...channel];
  }
  return [ok("it runs"), ...channel];
}

function judgeChannel(domain: DomainFacts, { connect, hasOnlyQga }: Known): Found[] {
  const { name, live, config } = domain;
  const ports = new Set(nativePorts());
  const now = live ?? config;
  const have = now?.devices.filter(({ port }) => ports.has(port)) ?? [];
  const wanted = DIALECTS.defaultPort;
  const connectWords = connect === undefined ? [] : ["--connect", connect];
  const add = ["negotiator", "host", "add-channel", ...connectWords, name] as const;
  const line = add.map(shellWord).join(" ");
  if (have.some(({ isBound }) => isBound)) {
    const later = config !== undefined && !config.devices.some(({ port }) => ports.has(port));
    if (!later) return [ok(`it has the port ${have[0]?.port ?? wanted}`)];
    return [warning("it has the port only until it is shut off", `Keep it: ${line}`, add)];
  }
  if (hasOnlyQga) return [ok("it has only the port of the QEMU guest agent, and the daemon calls it there")];
  const plan = planAdding(domain, [wanted], remedyLines(domain, connect));
  if (plan.refusal !== undefined) return [problem(plan.refusal.why, plan.refusal.remedy)];
  const others = now?.devices.map(({ port }) => port) ?? [];
  const [guess] = nearest(wanted, others);
  const has = others.length === 0 ? "none" : others.map(printable).join(", ");
  const typo = guess === undefined ? "" : `; "${printable(guess)}" may be mistyped`;
  const isDefined = plan.steps.length === 0;
  const { later } = plan;
  if (isDefined && later !== undefined)
    return [problem(`it gets the port at its next start: ${later.why}`, later.remedy)];
  const after = later === undefined ? "" : `\n${later.remedy ?? ""}`;
  const why = later === undefined ? "" : `; ${later.why}`;
  return [problem(`it has no port ${wanted} (it has: ${has})${typo}${why}`, `Add it: ${line}${after}`, add)];
}

function sourceOf(endpoint: Endpoint): string {
  switch (endpoint.source) {
    case "flag":
      return "an option";
    case "config":
      return "the config";
    case "qemu":
      return "its QEMU process";
    default:
      return "libvirt";
  }
}
