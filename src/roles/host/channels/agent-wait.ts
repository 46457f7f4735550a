/** Waits until the agents of guests that have a channel now answer on it. */
import { readLiveDevices } from "../../../discovery/libvirt/domain-facts.ts";
import { mapBounded, PARALLEL_CALLS } from "../../../discovery/libvirt/parallel-calls.ts";
import type { VirshOptions } from "../../../discovery/libvirt/virsh.ts";
import { DIALECTS } from "../../../peers/dialects.ts";
import { pause } from "../../../peers/supervise.ts";
import { askHostStatus } from "../ask-status.ts";
import type { GuestStatus } from "../status.ts";
import { findDevice } from "./channel-plan.ts";

/**
 * `answers`: the host's daemon has a session with it. `connected`: a program in the guest has the channel
 * open. `none`: no program has.
 */
export type AgentState = "answers" | "connected" | "none";

/** A guest to wait for. `isNew`: it has just got its port, and an agent that runs may not have seen that. */
export type AwaitedGuest = { name: string; uuid: string; port: string; isNew: boolean };

/** A guest's state, and the words of `status` about its agent. */
export type FoundAgent = { state: AgentState; label: string };

/** The agents, by UUID. `hasDaemon`: whether a daemon of this host was there to answer. */
export type FoundAgents = { agents: ReadonlyMap<string, FoundAgent>; hasDaemon: boolean };

/** Options of a wait. */
export type AgentWaitOptions = {
  waitMs: number;
  control: string;
  virsh: VirshOptions;
  signal: AbortSignal;
};

/** The dialects that agents speak on our ports. */
const SHARING: ReadonlySet<string> = new Set(["native", ...DIALECTS.besideNative.map(({ name }) => name)]);
const STEP_MS = 300;

/** Resolves when all agents that run answer, or after `waitMs`. Never rejects. */
export async function waitForAgents(
  guests: readonly AwaitedGuest[],
  { waitMs, control, virsh, signal }: AgentWaitOptions,
): Promise<FoundAgents> {
  const agents = new Map<string, FoundAgent>();
  const startMs = performance.now();
  let hasDaemon = false;
  for (;;) {
    const known = await askHostStatus(control).catch(() => undefined);
    hasDaemon = known !== undefined;
    const open = guests.filter(({ uuid }) => agents.get(uuid)?.state !== "answers");
    await mapBounded(open, PARALLEL_CALLS, async (guest) => {
      const status = known?.guests.find(({ name }) => name === guest.name);
      agents.set(guest.uuid, describeSession(status) ?? (await lookAtPort(guest, virsh, signal)));
    });
    const passedMs = performance.now() - startMs;
    const isPending = guests.some(({ uuid, isNew }) => {
      const state = agents.get(uuid)?.state;
      return state === "none" ? isNew : state === "connected" && hasDaemon;
    });
    if (!isPending || passedMs >= waitMs || signal.aborted) return { agents, hasDaemon };
    await pause(STEP_MS, signal);
  }
}

function describeSession(status: GuestStatus | undefined): FoundAgent | undefined {
  if (status === undefined || status.state === "unresponsive") return undefined;
  // Other dialects have other ports.
  if (status.dialect === null || !SHARING.has(status.dialect)) return undefined;
  if (["paused", "saved", "shut off", "waiting"].includes(status.state)) return undefined;
  const version = status.version === null ? "" : ` ${status.version}`;
  const name = status.dialect === "native" ? "negotiator" : status.dialect;
  return { state: "answers", label: `answers (${name}${version})` };
}

async function lookAtPort(
  { uuid, port }: AwaitedGuest,
  virsh: VirshOptions,
  signal: AbortSignal,
): Promise<FoundAgent> {
  const live = await readLiveDevices(uuid, virsh, signal).catch(() => undefined);
  const isOpen = live !== undefined && findDevice(live, port)?.connected === true;
  return isOpen ? { state: "connected", label: "has it open" } : { state: "none", label: "none yet" };
}
