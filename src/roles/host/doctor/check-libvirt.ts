/** Looks whether libvirt answers, and which one. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { surveyLibvirt } from "../../../discovery/libvirt/survey.ts";
import type { Survey } from "../../../discovery/libvirt/survey.ts";
import { NegotiatorError } from "../../../errors.ts";
import { runText } from "../../../process/run-text.ts";
import { findLocalProgram } from "../../../process/program-path.ts";
import { defineCheck } from "../../doctor/check.ts";
import { fromError, fromLook, ok, problem, warning } from "../../doctor/finding.ts";

/**
 * `unused`: why libvirt is not asked; `lacksVirsh`: although it runs. `file`: the config, if that names the
 * libvirt to ask. `startedBy`: its unit.
 */
type LibvirtFacts =
  | { kind: "unused"; reason: string; looksAtQemu: boolean; named: number; lacksVirsh: boolean }
  | { kind: "failed"; error: NegotiatorError; startedBy: string | undefined; file: string | undefined }
  | { kind: "answers"; survey: Survey; isChosen: boolean };

/** libvirt, or why it is not asked. */
export const CHECK_LIBVIRT = defineCheck<LibvirtFacts>({
  name: "libvirt",
  async look({ invocation, signal }) {
    const { host, guests } = invocation.config.settings;
    const hasVirsh = findLocalProgram("virsh") !== undefined;
    if (host.libvirt === "no" || (host.libvirt === "auto" && !hasVirsh)) {
      const reason = host.libvirt === "no" ? 'host.libvirt = "no"' : "there is no program virsh";
      const lacksVirsh = host.libvirt === "auto" && LIBVIRT_SOCKETS.some((path) => existsSync(path));
      return { kind: "unused", reason, looksAtQemu: host.qemu !== "no", named: guests.length, lacksVirsh };
    }
    const connect = host.connect === "" ? undefined : host.connect;
    try {
      const survey = await surveyLibvirt({ connect, runText }, signal);
      return { kind: "answers", survey, isChosen: connect !== undefined };
    } catch (thrown) {
      const origin = invocation.config.origins.get("host.connect") ?? "";
      const file = origin.startsWith("/") ? origin : undefined;
      return { kind: "failed", error: NegotiatorError.from(thrown), startedBy: findUnit(), file };
    }
  },
  judge(facts, { isRoot }) {
    if (facts.kind === "failed") {
      const { error, startedBy, file } = facts;
      if (error.code === "BAD_CONFIG" && file !== undefined)
        return [
          problem(
            fromError(error).text,
            `Correct host.connect in ${file}, for example: "qemu:///system". Then: negotiator host reload`,
          ),
        ];
      const isDown = error.code === "NO_CHANNEL" && startedBy !== undefined;
      return [
        {
          ...fromLook(error, isRoot),
          ...(isDown ? { fix: ["systemctl", "start", startedBy] as const } : {}),
        },
      ];
    }
    if (facts.kind === "unused") {
      const { reason, looksAtQemu, named, lacksVirsh } = facts;
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

/** The unit of this machine that starts libvirt on demand; undefined without systemd. */
function findUnit(): string | undefined {
  if (!existsSync("/run/systemd/system")) return undefined;
  return UNITS.find((unit) => UNIT_DIRECTORIES.some((directory) => existsSync(join(directory, unit))));
}

/** Where the daemons of libvirt listen (libvirtd(8), virtqemud(8)). */
const LIBVIRT_SOCKETS = ["/run/libvirt/libvirt-sock", "/run/libvirt/virtqemud-sock"];

const UNITS = ["virtqemud.socket", "libvirtd.service"];
const UNIT_DIRECTORIES = ["/etc/systemd/system", "/usr/lib/systemd/system", "/lib/systemd/system"];
