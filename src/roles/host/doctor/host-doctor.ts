/** THE TABLES of checks of a host's `doctor`, in their order: of the host, and of one guest. */
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
import { judgeGuests } from "../judge-guests.ts";
import { createAgentCheck } from "./check-agent.ts";
import { createDomainCheck } from "./check-domain.ts";
import { CHECK_GUESTS } from "./check-guests.ts";
import { CHECK_LIBVIRT } from "./check-libvirt.ts";
import { CHECK_QEMU, createQemuCheck } from "./check-qemu.ts";
import { createSocketCheck } from "./check-socket.ts";

const HOST_CHECKS: readonly Check[] = [
  CHECK_PROGRAM,
  createConfigCheck(judgeGuests),
  CHECK_POLICY_FILE,
  CHECK_OLD_AGENT,
  CHECK_SERVICE,
  CHECK_DAEMON,
  CHECK_GROUP,
  CHECK_LIBVIRT,
  CHECK_GUESTS,
  CHECK_QEMU,
  CHECK_OWN_COMMANDS,
  CHECK_AUDIT,
  CHECK_DETACHED,
  CHECK_LIMITS,
  CHECK_DENIALS,
];

/** Runs `negotiator host doctor [GUEST]`. */
export function doctorOfHost(invocation: Invocation): Promise<Outcome> {
  const [guest] = invocation.words.positionals;
  if (guest === undefined) return examine("host", HOST_CHECKS, invocation);
  const checks = [
    CHECK_DAEMON,
    createQemuCheck(guest),
    createDomainCheck(guest),
    createSocketCheck(guest),
    createAgentCheck(guest),
  ];
  return examine("host", checks, invocation, { inTurn: true });
}
