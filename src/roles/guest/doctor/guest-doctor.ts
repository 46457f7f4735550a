/** THE TABLE of checks of a guest's `doctor`, in their order. */
import type { Invocation, Outcome } from "../../cli/subcommand.ts";
import { CHECK_AUDIT } from "../../doctor/check-audit.ts";
import { CHECK_DAEMON } from "../../doctor/check-daemon.ts";
import { CHECK_DENIALS } from "../../doctor/check-denials.ts";
import { CHECK_DETACHED } from "../../doctor/check-detached.ts";
import { CHECK_POLICY_FILE, createConfigCheck } from "../../doctor/check-files.ts";
import { CHECK_GROUP } from "../../doctor/check-group.ts";
import { CHECK_LIMITS } from "../../doctor/check-limits.ts";
import { CHECK_OLD_AGENT } from "../../doctor/check-old-agent.ts";
import { CHECK_OWN_COMMANDS } from "../../doctor/check-own-commands.ts";
import { CHECK_PROGRAM } from "../../doctor/check-program.ts";
import { CHECK_SERVICE } from "../../doctor/check-service.ts";
import type { Check } from "../../doctor/check.ts";
import { examine } from "../../doctor/doctor.ts";
import { CHECK_FREEZE_HOOK } from "./check-freeze-hook.ts";
import { CHECK_HOST_LINK } from "./check-host-link.ts";
import { CHECK_PORT } from "./check-port.ts";

const GUEST_CHECKS: readonly Check[] = [
  CHECK_PROGRAM,
  createConfigCheck(() => Promise.resolve([])),
  CHECK_POLICY_FILE,
  CHECK_PORT,
  CHECK_OLD_AGENT,
  CHECK_SERVICE,
  CHECK_DAEMON,
  CHECK_GROUP,
  CHECK_HOST_LINK,
  CHECK_FREEZE_HOOK,
  CHECK_OWN_COMMANDS,
  CHECK_AUDIT,
  CHECK_DETACHED,
  CHECK_LIMITS,
  CHECK_DENIALS,
];

/** Runs `negotiator guest doctor`. */
export function doctorOfGuest(invocation: Invocation): Promise<Outcome> {
  return examine("guest", GUEST_CHECKS, invocation);
}
