/** Defines the subcommands that give domains of libvirt a channel, and take it away. */
import { CONNECT_OPTION, CONTROL_OPTION, JSON_OPTION } from "../../cli/options.ts";
import { defineSubcommand } from "../../cli/subcommand.ts";

const SELECTION = {
  guest: { type: "positional", required: false, description: "Name or UUID of a domain; repeatable" },
  all: { type: "boolean", description: "All domains of this libvirt, running or not" },
  pattern: {
    type: "string",
    valueHint: "glob",
    description: "Domains whose name fits, such as 'web*'; repeatable",
  },
} as const;

const CHANGE = {
  port: {
    type: "string",
    valueHint: "name",
    description: "A port of negotiator; repeatable; default negotiator-host-to-guest.0",
  },
  "dry-run": { type: "boolean", description: "Print the steps as command lines, and change nothing" },
  ...JSON_OPTION,
  ...CONNECT_OPTION,
} as const;

const EXIT_NOTES = "Exit code: 0 if all guests are done, 1 if one failed. The others are done all the same.";

/** The subcommand `add-channel`. */
export const ADD_CHANNEL = defineSubcommand({
  summary: "Give guests of libvirt their channel, while they run and for later starts.",
  args: {
    ...SELECTION,
    ...CHANGE,
    wait: {
      type: "string",
      valueHint: "seconds",
      description: "Time for the agents of running guests to answer; default 5; 0: do not wait",
    },
    ...CONTROL_OPTION,
    "print-xml": { type: "boolean", description: "Only print the XML of the channel" },
    "print-qemu-args": { type: "boolean", description: "Only print options for QEMU without libvirt" },
  },
  notes:
    "A channel that is there already is left alone, and so are those of other programs. A running guest " +
    "without a virtio-serial controller gets the channel at its next start. Calls and other channels of " +
    "the guest go on. With --json each line is { guest, uuid, state, result, agent, message, commands }; " +
    "result is added, present, restart or failed; agent is answers, connected, none or null. " +
    EXIT_NOTES,
  repeatsLast: true,
  examples: [
    "negotiator host add-channel web1 web2",
    "negotiator host add-channel --all --dry-run",
    "negotiator host add-channel --pattern 'db*' --connect qemu:///system",
    "negotiator host add-channel --print-qemu-args web1",
  ],
  takesBadConfig: "file",
  run: async (invocation) => (await import("./change-channels.ts")).changeChannels("add", invocation),
});

/** The subcommand `remove-channel`. */
export const REMOVE_CHANNEL = defineSubcommand({
  summary: "Take the channel from guests of libvirt: what add-channel did, undone.",
  args: { ...SELECTION, ...CHANGE },
  notes:
    "Ends the calls over that channel. Channels of other programs and the controller stay. With --json " +
    "each line is { guest, uuid, state, result, agent, message, commands }; result is removed, absent, " +
    "restart or failed; agent is null. " +
    EXIT_NOTES,
  repeatsLast: true,
  examples: ["negotiator host remove-channel web1", "negotiator host remove-channel --all --dry-run"],
  run: async (invocation) => (await import("./change-channels.ts")).changeChannels("remove", invocation),
});
