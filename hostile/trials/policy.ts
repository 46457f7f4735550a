/** Trials of the policy: a guest tries to run what a rule denies. */
import { startTrialHost } from "../trial-host.ts";
import type { Trial, TrialStage } from "../trial.ts";

const RAN = "it ran";
const COMMANDS = { "manage-service": `#!/bin/sh\necho '${RAN}'\n`, Wipe: `#!/bin/sh\necho '${RAN}'\n` };

/** Each way leads around one rule of the policy. */
const DENY = `
[[rules]]
action = "deny"
commands = ["manage-service"]
arguments = ["stop", "..."]
[[rules]]
action = "deny"
commands = ["manage-service"]
arguments = ["/etc/*"]
[[rules]]
action = "deny"
commands = ["manage-service"]
arguments = ["--force"]
[[rules]]
action = "deny"
commands = ["wipe"]
[[rules]]
action = "allow"
`;
const WAYS: readonly (readonly string[])[] = [
  ["manage-service", "--quiet", "stop"],
  ["manage-service", "STOP"],
  ["manage-service", "/etc/ssh/sshd_config"],
  ["manage-service", "x", "--force"],
  ["manage-service", "--force=yes"],
  ["manage-service", "--FORCE"],
  ["Wipe"],
];

/** The trials by name. */
export const POLICY_TRIALS = {
  "around-deny-rules": {
    what: `${WAYS.length} ways around rules that deny: another order, another case, a deeper path, a value`,
    success: "one of the commands ran",
    async run(stage) {
      const { guests } = await startTrialHost(stage, ["web1"], { commands: COMMANDS, policy: DENY });
      const ran: string[] = [];
      for (const words of WAYS) {
        const answer = await guests[0]?.call("execute", ...words);
        if (answer?.success === true) ran.push(words.join(" "));
      }
      return { hasSucceeded: ran.length > 0, figures: `${ran.length} of ${WAYS.length} ran` };
    },
  },
  "invalid-policy": {
    what: "a guest asks for the commands while the policy has a mistake",
    success: "it gets an answer, or the audit has no line of the question",
    async run(stage: TrialStage) {
      const { guests } = await startTrialHost(stage, ["web1"], { policy: "[[rules]\n" });
      const answer = await guests[0]?.call("list_commands");
      return {
        hasSucceeded: answer?.success === true,
        figures: `success: ${answer?.success ?? "no answer"}`,
      };
    },
  },
} as const satisfies Record<string, Trial>;
