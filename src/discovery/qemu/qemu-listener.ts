/** Knows which process may listen at the socket of a QEMU that was found. */
import { findProcessFault, listenerFault } from "../../process/listener-trust.ts";
import type { ExpectedListener } from "../../process/listener-trust.ts";
import type { PeerProcess } from "../../process/peer-process.ts";
import { isSameProcess } from "../../trust/host-process.ts";
import type { ProcessId } from "../../trust/host-process.ts";
import { ourUid } from "../../trust/ownership.ts";
import type { Endpoint } from "../endpoint.ts";
import { listDomainProcesses } from "../libvirt/domain-process.ts";
import { readClaim } from "./claim.ts";
import { createCommandLines } from "./command-line.ts";
import { HOST_RULES, judgeHypervisor } from "./hypervisor.ts";

/** An endpoint that a QEMU process claims. */
export type ClaimedEndpoint = Endpoint & { qemu: ProcessId };

/**
 * Returns the listener that the endpoint has to have: the process that was found. If that process has ended,
 * one that passes the same checks and claims the same endpoint may have taken its place.
 */
export function expectHypervisor(endpoint: ClaimedEndpoint): ExpectedListener {
  const { uid = ourUid() } = endpoint;
  return {
    placeUid: uid,
    async findFault(listener) {
      const isFound = listener.pid === endpoint.qemu.pid && listener.uid === uid;
      const objection =
        isFound && isSameProcess(endpoint.qemu) ? undefined : await findObjection(endpoint, listener);
      // The facts are about this process only if it still runs after them.
      const fault = findProcessFault(listener) ?? objection;
      return fault === undefined ? undefined : listenerFault(listener, fault);
    },
  };
}

async function findObjection(
  { qemu: found, ...endpoint }: ClaimedEndpoint,
  { pid, uid }: PeerProcess,
): Promise<string | undefined> {
  if (isSameProcess(found)) return `is not the guest's QEMU, which is process ${found.pid}`;
  const trustedUids = [0, ourUid()];
  const judged = await judgeHypervisor(pid, { ...HOST_RULES, trustedUids, domains: listDomainProcesses });
  if (judged === undefined || ("uid" in judged && judged.uid !== uid)) return "is not a QEMU of this host";
  if ("objection" in judged) return judged.objection;
  const { procDirectory } = HOST_RULES;
  const claim = await readClaim(judged.facts, {
    ports: new Set([endpoint.port]),
    procDirectory,
    lines: createCommandLines(procDirectory),
    signal: new AbortController().signal,
  }).catch(() => undefined);
  const isSameGuest =
    claim?.isNameExact === true && claim.name === endpoint.guest && claim.uuid === endpoint.uuid;
  const claimsIt = isSameGuest && claim.sockets.some(({ path }) => path === endpoint.path);
  return claimsIt ? undefined : "is not a QEMU of this guest";
}
