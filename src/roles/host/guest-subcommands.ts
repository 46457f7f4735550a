/** Defines the subcommands that ask a guest for facts, freeze it, thaw it and shut it down. */
import { CONTROL_OPTION, JSON_OPTION, LIST_TIMEOUT_OPTIONS } from "../cli/options.ts";
import { defineSubcommand } from "../cli/subcommand.ts";
import type { Subcommand } from "../cli/subcommand.ts";

const GUEST = { guest: { type: "positional", description: "Name of a running guest" } } as const;
const OPTIONS = { ...LIST_TIMEOUT_OPTIONS, ...CONTROL_OPTION } as const;
const DIALECTS = "The guest needs negotiator, or the QEMU guest agent, which must allow it.";

/** The subcommands by name. */
export const GUEST_SUBCOMMANDS: Readonly<Record<string, Subcommand>> = {
  "guest-info": defineSubcommand({
    summary: "Show a guest's host name, system, addresses, users and file systems.",
    args: { ...GUEST, ...JSON_OPTION, ...OPTIONS },
    notes:
      `${DIALECTS} With --json the object has those of these members that the guest tells: ` +
      "{ hostName, system, kernel, timeZone, interfaces, users, fileSystems, frozen }.",
    examples: ["negotiator host guest-info web1", "negotiator host guest-info web1 --json"],
    run: async (invocation) => (await import("./ask-guest.ts")).showGuestInfo(invocation),
  }),
  freeze: defineSubcommand({
    summary: "Freeze a guest's file systems, as for a snapshot of its disks.",
    args: { ...GUEST, ...OPTIONS },
    notes:
      `${DIALECTS} Prints the number of frozen file systems. The guest's own negotiator thaws them after ` +
      "guest.freezeSeconds (ten minutes) if nothing else does; the QEMU guest agent never does.",
    examples: ["negotiator host freeze web1"],
    run: async (invocation) => (await import("./ask-guest.ts")).freezeGuest(invocation, "freeze"),
  }),
  thaw: defineSubcommand({
    summary: "Thaw a guest's file systems after freeze.",
    args: { ...GUEST, ...OPTIONS },
    notes: `${DIALECTS} Prints the number of thawed file systems.`,
    examples: ["negotiator host thaw web1"],
    run: async (invocation) => (await import("./ask-guest.ts")).freezeGuest(invocation, "thaw"),
  }),
  shutdown: defineSubcommand({
    summary: "Shut a guest down through its own system.",
    args: {
      ...GUEST,
      mode: { type: "string", valueHint: "MODE", description: "powerdown (default), reboot or halt" },
      ...OPTIONS,
    },
    notes: `${DIALECTS} Ends as soon as the guest has begun; virsh domstate shows when it is done.`,
    examples: ["negotiator host shutdown web1", "negotiator host shutdown --mode reboot web1"],
    run: async (invocation) => (await import("./ask-guest.ts")).shutGuestDown(invocation),
  }),
};
