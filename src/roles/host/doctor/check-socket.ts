/** Looks at the socket of one guest: whether it is there, who listens, and who holds it. */
import { lstat } from "node:fs/promises";
import { dialSocket } from "../../../channels/socket/socket.ts";
import { attachAgainRemedy } from "../../../discovery/attach-line.ts";
import type { Endpoint } from "../../../discovery/endpoint.ts";
import { listenerOf } from "../../../discovery/listener.ts";
import { NegotiatorError } from "../../../errors.ts";
import { nativePorts } from "../../../peers/dialect-table.ts";
import { printable } from "../../../printable.ts";
import { createUserCache } from "../../../process/user-cache.ts";
import { defineCheck } from "../../doctor/check.ts";
import type { Check } from "../../doctor/check.ts";
import { AS_ROOT, fromError, ok, problem, unknown } from "../../doctor/finding.ts";
import type { Found } from "../../doctor/finding.ts";
import { shellWord } from "../../../shell-word.ts";
import { askTool } from "../../doctor/tool.ts";
import { askHostStatus } from "../ask-status.ts";
import { findEndpoints } from "../direct.ts";

/** A process of this host that is connected to the socket. */
type SocketHolder = { pid: number; command: string };

/** `holders`: undefined if this user cannot see them. `refusal`: why a connection failed. */
type SocketFacts = {
  endpoint: Endpoint;
  isThere: boolean;
  holders: readonly SocketHolder[] | undefined;
  daemon: number | undefined;
  refusal: NegotiatorError | undefined;
};

/** Returns the check of the socket of the guest with this name. Says nothing if it has none. */
export function createSocketCheck(name: string): Check {
  return defineCheck<SocketFacts | undefined>({
    name: "socket",
    async look({ invocation, signal, isRoot }) {
      const { endpoints } = await findEndpoints(invocation, name, signal).catch(() => ({ endpoints: [] }));
      const own = endpoints.filter(({ guest, state }) => guest === name && state !== "saved");
      const endpoint = nativePorts()
        .map((port) => own.find((each) => each.port === port))
        .find((each) => each !== undefined);
      if (endpoint === undefined || endpoint.machine !== undefined) return undefined;
      const { path } = endpoint;
      const isThere = await lstat(path).then(
        () => true,
        () => false,
      );
      const status = await askHostStatus(invocation.config.settings.host.control).catch(() => undefined);
      const holders = isRoot ? await findSocketHolders(path, signal) : undefined;
      // The daemon names the sockets that it wants, also one that it cannot reach.
      const isConnected = holders?.some(({ pid }) => pid === status?.pid) ?? isThere;
      const daemon = status?.held?.includes(path) === true && isConnected ? status.pid : undefined;
      const isFree = holders?.length === 0;
      return {
        endpoint,
        isThere,
        holders,
        daemon,
        refusal: isFree ? await tryConnection(endpoint) : undefined,
      };
    },
    judge(facts) {
      if (facts === undefined) return [];
      const { endpoint, isThere, holders, daemon, refusal } = facts;
      const path = printable(endpoint.path);
      if (!isThere) return [problem(`there is no socket at ${path}`, missingRemedy(endpoint))];
      const others = holders?.filter(({ pid }) => pid !== daemon && pid !== process.pid) ?? [];
      const [first] = others;
      if (first !== undefined)
        return [
          problem(
            `process ${first.pid} (${printable(first.command)}) holds ${path}, and QEMU serves only one`,
            `If it is not needed, stop it: kill ${first.pid}`,
          ),
        ];
      if (refusal !== undefined) return [describeRefusal(refusal, endpoint)];
      if (daemon !== undefined) return [ok(`the daemon holds ${path}`)];
      if (holders === undefined) return [unknown(`only root sees who holds ${path}`, AS_ROOT)];
      return [ok(`QEMU listens at ${path}, and no program holds it`)];
    },
  });
}

/** libvirt leaves such a socket if a port is attached twice. Its process file says that QEMU runs. */
function describeRefusal(refusal: NegotiatorError, endpoint: Endpoint): Found {
  const isDead = endpoint.source === "libvirt" && refusal.message.includes("no process listens there");
  if (!isDead) return fromError(refusal);
  const [text = ""] = refusal.message.split("\n");
  return problem(`${text}, as after a port was attached twice`, attachAgain(endpoint));
}

function attachAgain({ guest, connect }: Endpoint): string {
  return attachAgainRemedy(shellWord(guest), connect);
}

/** A running QEMU does not make a socket again that was removed. */
function missingRemedy(endpoint: Endpoint): string {
  const { source } = endpoint;
  if (source === "config" || source === "flag") {
    const where = source === "config" ? "in the table [[guests]]" : "in the option --socket";
    return `Correct the path ${where}, or start the program that listens there: ss -xl`;
  }
  if (source === "qemu") return "See whether QEMU runs: ps -ef | grep qemu\nIf it does, start it again";
  return `Its file was removed, and QEMU does not make it again. ${attachAgain(endpoint)}`;
}

/** Connects and says nothing. Resolves with the reason if that fails. */
async function tryConnection(endpoint: Endpoint): Promise<NegotiatorError | undefined> {
  try {
    const channel = await dialSocket(endpoint.path, { listener: listenerOf(endpoint, createUserCache()) });
    await channel.close();
    return undefined;
  } catch (thrown) {
    return NegotiatorError.from(thrown);
  }
}

/**
 * Resolves with the processes at the other ends of the connections to the socket; undefined without `ss`.
 * Source: ss(8); an address of a unix socket is its path, or `*`, and its inode.
 */
async function findSocketHolders(path: string, signal: AbortSignal): Promise<SocketHolder[] | undefined> {
  const answer = await askTool(["ss", "-H", "-x", "-p"], signal);
  return answer?.exitCode === 0 ? readHolders(answer.stdout, path) : undefined;
}

/** Returns the processes that the lines of `ss -Hxp` show as connected to a socket at `path`. */
export function readHolders(text: string, path: string): SocketHolder[] {
  const rows = text.split("\n").flatMap((line) => {
    const [, local = "", inode = "", peer = "", rest = ""] = LINE.exec(line) ?? [];
    return inode === "" ? [] : [{ local, inode, peer, rest }];
  });
  const ends = new Set(rows.filter(({ local }) => local === path).map(({ peer }) => peer));
  return rows
    .filter(({ local, inode }) => local !== path && ends.has(inode))
    .flatMap(({ rest }) =>
      [...rest.matchAll(/\("([^"]*)",pid=(\d+)/g)].map(([, command = "", pid]) => ({
        pid: Number(pid),
        command,
      })),
    );
}

const LINE = /^\S+ +ESTAB +\d+ +\d+ +(.*?) +(\d+) +\S+ +(\d+) *(.*)$/;
