/** The units of libvirt: which remedy fits their state. */
import { expect, test } from "bun:test";
import { adviseLibvirt } from "../../../src/roles/host/doctor/libvirt-units.ts";
import type { Unit } from "../../../src/roles/doctor/unit.ts";

function unit(Id: string, given: Unit = {}): Unit {
  return { Id, LoadState: "loaded", ActiveState: "inactive", UnitFileState: "disabled", ...given };
}

const MASKED = { LoadState: "masked", UnitFileState: "masked" };
const ENABLED = { UnitFileState: "enabled" };

test.each<[name: string, units: Unit[], state: string, remedy: string, fix: string | undefined]>([
  [
    "stopped and enabled",
    [unit("libvirtd.service", ENABLED), unit("libvirtd.socket")],
    "libvirtd.service is stopped",
    "Start it: systemctl start libvirtd.service",
    "systemctl start libvirtd.service",
  ],
  [
    "disabled",
    [unit("libvirtd.service"), unit("libvirtd.socket")],
    "libvirtd.service is stopped and disabled",
    "Start it: systemctl start libvirtd.service\n" +
      "Also with the machine: systemctl enable --now libvirtd.service",
    "systemctl start libvirtd.service",
  ],
  [
    "masked",
    [unit("libvirtd.service", MASKED), unit("libvirtd.socket", ENABLED)],
    "libvirtd.service is masked",
    "Allow it: systemctl unmask libvirtd.service\n" +
      "Then start it, now and with the machine: systemctl enable --now libvirtd.service",
    undefined,
  ],
  [
    "masked with its sockets",
    [unit("libvirtd.service", MASKED), unit("libvirtd.socket", MASKED), unit("libvirtd-ro.socket", MASKED)],
    "libvirtd.service, libvirtd.socket, libvirtd-ro.socket are masked",
    "Allow it: systemctl unmask libvirtd.service libvirtd.socket libvirtd-ro.socket\n" +
      "Then start it, now and with the machine: systemctl enable --now libvirtd.service",
    undefined,
  ],
  [
    "active by its socket, without an answer",
    [unit("libvirtd.service"), unit("libvirtd.socket", { ActiveState: "active" })],
    "although libvirtd.socket is active",
    "Read its log: journalctl -u libvirtd -n 20\nThen restart it: systemctl restart libvirtd.service",
    undefined,
  ],
  [
    "failed",
    [unit("libvirtd.service", { ActiveState: "failed" })],
    "libvirtd.service has failed",
    "Read why: journalctl -u libvirtd -n 20\nThen start it: systemctl restart libvirtd.service",
    undefined,
  ],
  [
    "the modular daemon beside a masked monolithic one",
    [unit("virtqemud.service"), unit("virtqemud.socket"), unit("libvirtd.service", MASKED)],
    "virtqemud.service is stopped and disabled",
    "Start it: systemctl start virtqemud.service\n" +
      "Also with the machine: systemctl enable --now virtqemud.service",
    "systemctl start virtqemud.service",
  ],
  [
    "the monolithic daemon that is enabled beside a modular one",
    [unit("virtqemud.service"), unit("libvirtd.service", ENABLED)],
    "libvirtd.service is stopped",
    "Start it: systemctl start libvirtd.service",
    "systemctl start libvirtd.service",
  ],
])("a libvirt that is %s", (_, units, state, remedy, fix) => {
  const advice = adviseLibvirt(units);
  expect(advice).toMatchObject({ state, remedy });
  expect(advice?.fix?.join(" ")).toBe(fix);
});

test("a machine without units of libvirt gets no advice", () => {
  expect(adviseLibvirt([])).toBeUndefined();
});
