/** The domain `web1` of a libvirt of given answers, and `add-channel` and `remove-channel` for it. */
import { expect } from "bun:test";
import type { NegotiatorError } from "../../../../src/errors.ts";
import { changeChannels } from "../../../../src/roles/host/channels/change-channels.ts";
import { createQuickHost } from "../../../support/quick-host.ts";
import type { LineOptions, QuickHost, VirshAnswer, VirshAnswers } from "../../../support/quick-host.ts";
import { rejectionOf } from "../../../support/error-of.ts";
import { spyOnOutput } from "../../../support/spied-output.ts";
import { UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";

/** The port that is added by default. */
export const PORT = "negotiator-host-to-guest.0";
const [UUID] = UUIDS;

/** A domain; by default it runs, and has no port. */
type Form = {
  name?: string;
  uuid?: string;
  /** Its ports, with the state that libvirt tells of each. */
  ports?: Readonly<Record<string, "connected" | "disconnected">>;
  isActive?: boolean;
  hasController?: boolean;
  mode?: string;
};

/** Returns the XML of a domain. */
export function xml({
  name = "web1",
  uuid = UUID,
  ports = {},
  isActive = true,
  hasController = true,
  mode = "bind",
}: Form) {
  const channels = Object.entries(ports).map(
    ([port, state]) =>
      `<channel type='unix'><source mode='${mode}' path='/run/${port}'/>` +
      `<target type='virtio' name='${port}' state='${state}'/></channel>`,
  );
  const controller = hasController ? "<controller type='virtio-serial' index='0'/>" : "";
  return (
    `<domain type='kvm'${isActive ? " id='1'" : ""}><name>${name}</name><uuid>${uuid}</uuid>` +
    `<devices>${controller}${channels.join("")}</devices></domain>`
  );
}

/** It runs without the port. */
export const BARE = xml({});
/** Its next start, without the port. */
export const NEXT = xml({ isActive: false });
/** It runs, and a program in it has the port open. */
export const OPEN = xml({ ports: { [PORT]: "connected" } });
/** It runs, and no program in it has the port open. */
export const CLOSED = xml({ ports: { [PORT]: "disconnected" } });
/** Its next start, with the port. */
export const NEXT_WITH = xml({ isActive: false, ports: { [PORT]: "disconnected" } });

/** The words of the call of virsh that adds the port. */
export const ATTACH = `attach-device --live --config -- ${UUID} /dev/stdin`;
/** The words of the call of virsh that removes the port now. */
export const DETACH_LIVE = `detach-device --live -- ${UUID} /dev/stdin`;
/** The words of the call of virsh that removes the port from the next start. */
export const DETACH_NEXT = `detach-device --config -- ${UUID} /dev/stdin`;

/** Returns the answers of a libvirt with one domain. `live` are its forms, one for each look. */
export function libvirtWith(
  live: readonly VirshAnswer[],
  next: VirshAnswer,
  more: VirshAnswers = {},
): VirshAnswers {
  return {
    "list --uuid --all": UUID,
    "list --uuid --all --transient": "",
    "list --uuid --state-paused": "",
    "list --uuid --inactive --with-managed-save": "",
    "dumpxml -- web1": BARE,
    [`dumpxml -- ${UUID}`]: live,
    [`dumpxml --inactive -- ${UUID}`]: next,
    ...more,
  };
}

/** Returns the answers of a libvirt whose domain gets the port at once, and is so `after` that. */
export const adding = (after: VirshAnswer): VirshAnswers =>
  libvirtWith([BARE, BARE, after], NEXT, { [ATTACH]: "Device attached successfully" });

/** A command line. `problem`: why the config cannot be used. */
export type Line = LineOptions & { problem?: NegotiatorError };

/** Runs the subcommand, for the domain `web1` and with `--json` by default. */
export async function changeOn(host: QuickHost, action: "add" | "remove", { problem, ...line }: Line = {}) {
  const invocation = host.line({
    positionals: ["web1"],
    ...line,
    options: { json: [""], ...line.options },
    host: { libvirt: "auto", ...line.host },
  });
  const { result, stdout } = await spyOnOutput(() =>
    changeChannels(action, { ...invocation, configProblem: problem }),
  );
  return { ...result, stdout };
}

/** Changes the domain `web1`. Returns the exit code, the rows, and the calls that change something. */
export async function change(
  action: "add" | "remove",
  virsh: VirshAnswers,
  line: Line = {},
  daemon?: object,
) {
  await using host = await createQuickHost({ virsh, ...(daemon && { daemon: { status: daemon } }) });
  const { exitCode, stdout } = await changeOn(host, action, line);
  const calls = await host.virshCalls();
  return {
    exitCode,
    rows: stdout
      .split("\n")
      .slice(0, -1)
      .map((text): unknown => JSON.parse(text)),
    changes: calls.filter((call) => call.includes("-device")),
    looks: calls.filter((call) => call.endsWith(`dumpxml -- ${UUID}`)).length,
    asked: host.asked.length,
  };
}

/** Resolves with the error of a change. Fails if libvirt was asked before. */
export async function refusal(action: "add" | "remove", line: Line) {
  await using host = await createQuickHost({ virsh: libvirtWith([BARE], NEXT) });
  const { code, message } = await rejectionOf(changeOn(host, action, line));
  expect(await host.virshCalls()).toEqual([]);
  return { code, lines: message.split("\n") };
}

/** Resolves with the lines that `add-channel` prints for people. */
export const shown = async (virsh: VirshAnswers, options: Record<string, string[]>): Promise<string[]> => {
  await using host = await createQuickHost({ virsh });
  const line = host.line({ positionals: ["web1"], options, host: { libvirt: "auto" } });
  return (await spyOnOutput(() => changeChannels("add", line))).stdout.split("\n");
};
