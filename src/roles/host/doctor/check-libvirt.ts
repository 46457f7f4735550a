/** Looks whether libvirt answers, and which one. */
import { existsSync } from "node:fs";
import { createLibvirtFinder } from "../../../discovery/libvirt/libvirt.ts";
import { ASK_DOCTOR } from "../../../discovery/libvirt/virsh.ts";
import { surveyLibvirt } from "../../../discovery/libvirt/survey.ts";
import type { Survey } from "../../../discovery/libvirt/survey.ts";
import { NegotiatorError } from "../../../errors.ts";
import { nativePorts } from "../../../peers/dialect-table.ts";
import { DIALECTS } from "../../../peers/dialects.ts";
import { printable } from "../../../printable.ts";
import { runText } from "../../../process/run-text.ts";
import { findLocalProgram } from "../../../process/program-path.ts";
import type { Invocation } from "../../cli/subcommand.ts";
import { defineCheck } from "../../doctor/check.ts";
import { fromError, fromLook, ok, problem, warning } from "../../doctor/finding.ts";
import type { Found } from "../../doctor/finding.ts";
import { createFinders } from "../finders.ts";
import { adviseLibvirt, readLibvirtUnits } from "./libvirt-units.ts";
import type { UnitAdvice } from "./libvirt-units.ts";
import { nameSome } from "./names.ts";

/**
 * `unused`: why libvirt is not asked; `lacksVirsh`: although it runs; `lost`: guests of libvirt with our port
 * that are not found in another way; `setBy`: who said so. `file`: the config, if that names the libvirt to
 * ask. `advice`: what its units need.
 */
type LibvirtFacts =
  | ({ kind: "unused"; reason: string; looksAtQemu: boolean; named: number } & Missed)
  | { kind: "failed"; error: NegotiatorError; advice: UnitAdvice | undefined; file: string | undefined }
  | { kind: "answers"; survey: Survey; isChosen: boolean };

type Missed = { lacksVirsh: boolean; lost: readonly string[]; setBy: string };

/** libvirt, or why it is not asked. */
export const CHECK_LIBVIRT = defineCheck<LibvirtFacts>({
  name: "libvirt",
  async look({ invocation, signal }) {
    const { host, guests } = invocation.config.settings;
    const hasVirsh = findLocalProgram("virsh") !== undefined;
    if (host.libvirt === "no" || (host.libvirt === "auto" && !hasVirsh)) {
      const reason = host.libvirt === "no" ? 'host.libvirt = "no"' : "there is no program virsh";
      const lacksVirsh = host.libvirt === "auto" && LIBVIRT_SOCKETS.some((path) => existsSync(path));
      const looksAtQemu = host.qemu !== "no";
      const lost = host.libvirt === "no" && hasVirsh ? await findLost(invocation, signal) : [];
      const setBy = invocation.config.origins.get("host.libvirt") ?? "an option";
      return { kind: "unused", reason, looksAtQemu, named: guests.length, lacksVirsh, lost, setBy };
    }
    const connect = host.connect === "" ? undefined : host.connect;
    try {
      const survey = await surveyLibvirt({ connect, runText }, signal);
      return { kind: "answers", survey, isChosen: connect !== undefined };
    } catch (thrown) {
      const origin = invocation.config.origins.get("host.connect") ?? "";
      const file = origin.startsWith("/") ? origin : undefined;
      const error = NegotiatorError.from(thrown);
      const units = canBeStarted(connect, error) ? await readLibvirtUnits(signal) : undefined;
      return { kind: "failed", error, advice: units && adviseLibvirt(units), file };
    }
  },
  judge(facts, { isRoot }) {
    if (facts.kind === "failed") {
      const { error, advice, file } = facts;
      if (error.code === "BAD_CONFIG" && file !== undefined)
        return [
          problem(
            fromError(error).text,
            `Correct host.connect in ${file}, for example: "qemu:///system". Then: negotiator host reload`,
          ),
        ];
      const found = withoutDoctor(fromLook(error, isRoot));
      if (advice === undefined) return [found];
      return [problem(`${found.text}; ${advice.state}`, `${advice.remedy}\n${DO_WITHOUT}`, advice.fix)];
    }
    if (facts.kind === "unused") {
      const { reason, looksAtQemu, named, lacksVirsh, lost, setBy } = facts;
      if (lost.length > 0)
        return [
          warning(
            `libvirt runs guests with our port that are not found, because it is not asked (${reason}): ` +
              nameSome(lost),
            `Set host.libvirt = "auto" in ${printable(setBy)}. Then: negotiator host reload`,
          ),
        ];
      if (lacksVirsh)
        return [
          warning(
            `libvirt is on this host, and is not asked: ${reason}`,
            "Install it (Debian: apt-get install libvirt-clients; Fedora: dnf install libvirt-client)\n" +
              'If its guests are not to be called, set host.libvirt = "no"',
          ),
        ];
      if (looksAtQemu || named > 0)
        return [ok(`it is not asked (${reason}); guests are ${looksAtQemu ? "QEMU processes" : "named"}`)];
      return [
        problem(
          `no guest can be found: libvirt is not asked (${reason}), host.qemu is "no", and none is named`,
          "Name the sockets of guests in tables [[guests]], or set host.libvirt and host.qemu to auto",
        ),
      ];
    }
    const { survey, isChosen } = facts;
    if (/:\/\/\/session\b/.test(survey.uri) && !isRoot && !isChosen)
      return [
        warning(
          `this user asks its own libvirt, at ${survey.uri}, and not that of the system`,
          "Ask that of the system: negotiator host doctor --connect qemu:///system",
        ),
      ];
    return [ok(`${survey.uri} answers`)];
  },
});

/** The error's remedy for other command lines names this one. */
function withoutDoctor({ remedy, ...found }: Found): Found {
  return remedy === undefined ? found : { ...found, remedy: remedy.replace(ASK_DOCTOR, "") };
}

const DO_WITHOUT = 'If this host does not use libvirt, set host.libvirt = "no"';

/** Returns whether libvirt is that of this machine, and does not answer, so that its units tell more. */
export function canBeStarted(connect: string | undefined, { code }: NegotiatorError): boolean {
  const isLocal = connect === undefined || connect === "qemu:///system";
  return isLocal && (code === "NO_CHANNEL" || code === "TIMEOUT");
}

/** The names of the running guests of libvirt with our port that no other finder has. */
async function findLost({ config }: Invocation, signal: AbortSignal): Promise<string[]> {
  const { connect } = config.settings.host;
  const ports = new Set(nativePorts());
  const ask = createLibvirtFinder({ ports, connect: connect === "" ? undefined : connect, runText });
  const { find } = createFinders(config.settings, [], DIALECTS);
  try {
    const [all, found] = await Promise.all([ask(signal), find(signal)]);
    const known = new Set(found.endpoints.map(({ path }) => path));
    return [...new Set(all.endpoints.filter(({ path }) => !known.has(path)).map(({ guest }) => guest))];
  } catch {
    // Without an answer, this host may do without libvirt.
    return [];
  }
}

/** Where the daemons of libvirt listen (libvirtd(8), virtqemud(8)). */
const LIBVIRT_SOCKETS = ["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"];
