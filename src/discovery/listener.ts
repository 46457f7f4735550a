/** Says who has to listen at the socket of an endpoint, by the source that found it. */
import { expectUser } from "../process/listener-trust.ts";
import type { ExpectedListener, ListenerTrust, PeerFault } from "../process/listener-trust.ts";
import type { UserCache } from "../process/user-cache.ts";
import { ourUid } from "../trust/ownership.ts";
import { NegotiatorError } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";
import { expectDomain } from "./libvirt/domain-process.ts";
import { expectHypervisor } from "./qemu/qemu-listener.ts";

/** Resolves users of tables `[[guests]]`. */
export type FindUser = Pick<UserCache, "find">;

/**
 * Returns who has to listen there. For a domain of libvirt, it is the process that libvirt started. For a
 * QEMU that was found, it is that process. For a socket that a person named, it is root, our own user or the
 * user of its table `[[guests]]`. The same holds for a libvirt of our own session, where QEMU runs as our
 * user.
 */
export function listenerOf(endpoint: Endpoint, users: FindUser): ListenerTrust {
  const { guest, pidFile, connect, qemu, user, source } = endpoint;
  return async () => {
    if (pidFile !== undefined) return expectDomain(guest, pidFile, connect);
    if (qemu !== undefined) return expectHypervisor({ ...endpoint, qemu });
    if (user !== undefined) return expectNamed(user, users);
    return expectUser(ourUid(), source === "flag" || source === "config" ? NAME_USER : undefined);
  };
}

const NAME_USER = 'If another user may listen there, name it in the guest\'s table [[guests]]: user = "USER"';

async function expectNamed(user: string, users: FindUser): Promise<ExpectedListener | PeerFault> {
  try {
    return expectUser((await users.find(user)).uid, NAME_USER);
  } catch (thrown) {
    const [problem = "", ...remedy] = NegotiatorError.from(thrown).message.split("\n");
    return { problem, remedy: remedy.join("\n") || NAME_USER };
  }
}
