/** Judges the units of systemd that start libvirt: which of them helps, and what stands in its way. */
import { existsSync } from "node:fs";
import type { Fix } from "../../doctor/finding.ts";
import { askUnits } from "../../doctor/unit.ts";
import type { Unit } from "../../doctor/unit.ts";

/** Advice about the units. `state`: the obstacle in words; `remedy`: commands that help. */
export type UnitAdvice = { state: string; remedy: string; fix?: Fix };

/** The daemons of libvirt that serve QEMU, the modular one first (virtqemud(8), libvirtd(8)). */
const DAEMONS = ["virtqemud", "libvirtd"] as const;
/** virsh asks over the read-only socket. */
const SOCKETS = [".socket", "-ro.socket"] as const;

/** Resolves with the units of libvirt that this machine has; undefined without systemd. */
export async function readLibvirtUnits(signal: AbortSignal): Promise<readonly Unit[] | undefined> {
  if (!existsSync("/run/systemd/system")) return undefined;
  const names = DAEMONS.flatMap((daemon) => [".service", ...SOCKETS].map((ending) => `${daemon}${ending}`));
  return (await askUnits(names, signal)).filter(({ LoadState }) => LoadState !== "not-found");
}

/** Returns the advice for a libvirt that does not answer; undefined if systemd has no unit of it. */
export function adviseLibvirt(units: readonly Unit[]): UnitAdvice | undefined {
  const families = DAEMONS.map((daemon) => ({
    daemon,
    own: units.filter(({ Id = "" }) => Id.startsWith(`${daemon}.`) || Id.startsWith(`${daemon}-`)),
  })).filter(({ own }) => own.some(({ Id }) => Id?.endsWith(".service")));
  // Distributions install both, and mask or disable the one that they do not use.
  const used =
    families.find(({ own }) => own.some(isActive)) ??
    families.find(({ own }) => own.some(({ UnitFileState }) => UnitFileState === "enabled")) ??
    families.find(({ own }) => !own.some(isMasked)) ??
    families[0];
  return used && adviseFamily(used.daemon, used.own);
}

function adviseFamily(daemon: string, own: readonly Unit[]): UnitAdvice {
  const unit = `${daemon}.service`;
  const service = own.find(({ Id }) => Id === unit);
  const masked = own.filter(isMasked).map(({ Id = "" }) => Id);
  const enable = `systemctl enable --now ${unit}`;
  const read = `journalctl -u ${daemon} -n 20`;
  if (masked.length > 0)
    return {
      state: `${masked.join(", ")} ${masked.length === 1 ? "is" : "are"} masked`,
      remedy:
        `Allow it: systemctl unmask ${masked.join(" ")}\n` +
        `Then start it, now and with the machine: ${enable}`,
    };
  if (service?.["ActiveState"] === "failed")
    return {
      state: `${unit} has failed`,
      remedy: `Read why: ${read}\nThen start it: systemctl restart ${unit}`,
    };
  if (own.some(isActive))
    return {
      state: `although ${own.find(isActive)?.["Id"] ?? daemon} is active`,
      remedy: `Read its log: ${read}\nThen restart it: systemctl restart ${unit}`,
    };
  const isEnabled = own.some(({ UnitFileState }) => UnitFileState === "enabled");
  return {
    state: `${unit} is ${isEnabled ? "stopped" : "stopped and disabled"}`,
    remedy: `Start it: systemctl start ${unit}${isEnabled ? "" : `\nAlso with the machine: ${enable}`}`,
    fix: ["systemctl", "start", unit],
  };
}

function isMasked({ LoadState }: Unit): boolean {
  return LoadState === "masked";
}

function isActive({ ActiveState }: Unit): boolean {
  return ActiveState === "active";
}
