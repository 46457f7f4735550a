/**
 * Follows libvirt's events through `virsh event`. Source of the lines: libvirt's
 * `tools/virsh-domain-event.c`. A domain's name can contain anything but a line break
 * (`src/conf/domain_conf.c`), so it cannot forge the end of a line.
 */
import type { SpawnLines } from "../../process/run-text.ts";
import { explainStart, VIRSH_ENVIRONMENT, virshWords } from "./virsh.ts";

/**
 * An event after which a scan may find something new. `saved` is the guest's name if the event is its save.
 * `isByGuest`: a guest can cause it as often as it likes.
 */
export type LibvirtEvent = { kind: string; saved?: string; isByGuest?: true };

/**
 * Yields each event after which a scan may find something new; ends when libvirt stops. It misses events of
 * the first 20 ms or so, before libvirt has registered the watcher. Throws `UNSUPPORTED` without virsh.
 */
export async function* followLibvirt(
  options: { connect?: string | undefined; spawnLines: SpawnLines },
  signal: AbortSignal,
): AsyncGenerator<LibvirtEvent, void, undefined> {
  const words = virshWords(options.connect, ["event", "--all", "--loop"]);
  try {
    for await (const line of options.spawnLines(words, { environment: VIRSH_ENVIRONMENT, signal })) {
      const [, kind] = EVENT.exec(line) ?? [];
      if (kind === undefined) continue;
      if (GUEST_EVENTS.has(kind)) yield { kind, isByGuest: true };
      if (!SCANNED_EVENTS.has(kind)) continue;
      const [, saved] = SAVED.exec(line) ?? [];
      yield saved === undefined ? { kind } : { kind, saved };
    }
  } catch (error) {
    throw explainStart(error);
  }
}

const EVENT = /^event '([a-z0-9-]+)' for domain /;
const SAVED = /^event 'lifecycle' for domain '(.*)': Stopped Saved$/;

/** A guest can cause the other events as often as it likes, and those that are left out tell nothing. */
const SCANNED_EVENTS: ReadonlySet<string> = new Set(["lifecycle", "device-added", "device-removed"]);
/** A program in the guest has opened or closed the port of the QEMU guest agent. */
const GUEST_EVENTS: ReadonlySet<string> = new Set(["agent-lifecycle"]);
