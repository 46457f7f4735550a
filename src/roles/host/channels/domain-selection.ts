/** Finds the domains that the words of a command line name. */
import { virshAt } from "../../../discovery/attach-line.ts";
import { findDomain } from "../../../discovery/libvirt/domain-facts.ts";
import { mapBounded, PARALLEL_CALLS } from "../../../discovery/libvirt/parallel-calls.ts";
import type { VirshOptions } from "../../../discovery/libvirt/virsh.ts";
import { NegotiatorError } from "../../../errors.ts";
import { printable } from "../../../printable.ts";
import type { Words } from "../../cli/tokenizer.ts";

/** Names or UUIDs, patterns of names, or all domains. */
export type Selection = { guests: readonly string[]; patterns: readonly string[]; isAll: boolean };

/** Returns the selection. Throws `BAD_USAGE` for none, and for more than one kind of it. */
export function readSelection({ options, positionals }: Words, help: string): Selection {
  const patterns = options.get("pattern") ?? [];
  const isAll = options.has("all");
  const given = [positionals.length > 0, patterns.length > 0, isAll].filter(Boolean).length;
  if (given === 1) return { guests: [...new Set(positionals)], patterns, isAll };
  const problem = given === 0 ? "missing GUEST" : "GUEST, --pattern and --all exclude each other";
  throw new NegotiatorError("BAD_USAGE", problem, {
    remedy: `Name guests, or all of them: --all, or some: --pattern 'web*'\nRead the help: ${help}`,
  });
}

/**
 * Resolves with the UUIDs to look at (those of `all` for a pattern), and the names that no domain has.
 * Rejects as `askVirsh` does.
 */
export async function findSelected(
  { guests }: Selection,
  all: readonly string[],
  virsh: VirshOptions,
  signal: AbortSignal,
): Promise<{ uuids: string[]; missing: string[] }> {
  if (guests.length === 0) return { uuids: [...all], missing: [] };
  const found = await mapBounded(guests, PARALLEL_CALLS, (guest) => findDomain(guest, virsh, signal));
  return {
    uuids: [...new Set(found.filter((uuid) => uuid !== undefined))],
    missing: guests.filter((_, index) => found[index] === undefined),
  };
}

/** Returns the error for a selection without any domain. */
export function noneSelected({ patterns }: Selection, connect: string | undefined): NegotiatorError {
  const problem =
    patterns.length === 0
      ? "This libvirt has no domain"
      : `No domain's name fits ${patterns.map((pattern) => `"${printable(pattern)}"`).join(", ")}`;
  return new NegotiatorError("NO_GUEST", problem, {
    remedy: `List the domains: ${virshAt(connect)} list --all\nAsk another libvirt: --connect qemu:///system`,
  });
}
