/** Cases that kill, restart or stop a daemon, or stop its callers. */
import { setTimeout as delay } from "node:timers/promises";
import { until } from "../../test/support/until.ts";
import type { CallKind, JudgedCall, Role } from "../call.ts";
import { endsNone } from "../case.ts";
import type { EmulatedCase } from "../case.ts";
import { SHORT_LIMITS } from "../stage.ts";
import type { EmulatedStage } from "../stage.ts";

const PAUSE_MS = 5000;
const LONG_PAUSE_MS = 15_000;

/** The calls of each side before its terminals go. */
const HANGUP_CALLS: readonly CallKind[] = Array(4).fill("hangup");

/** For each side: killed and started, restarted in order, and stopped for some time. */
export const DAEMON_CASES: Readonly<Record<string, EmulatedCase>> = {
  "kill-host": kill("host"),
  "kill-guest": kill("guest"),
  "restart-host": restart("host"),
  "restart-guest": restart("guest"),
  "short-drain-host": restartSoon("host"),
  "short-drain-guest": restartSoon("guest"),
  "pause-host": pause("host"),
  "pause-guest": pause("guest"),
  "pause-callers": {
    kind: "emulated",
    what: `all command lines are stopped for ${LONG_PAUSE_MS / 1000} s, where a peer may be silent for 12`,
    mayEnd: endsNone,
    async strike({ sides }, { during }) {
      const signal = (name: NodeJS.Signals): void =>
        [sides.host, sides.guest].forEach((side) => side.signalCallers(name));
      signal("SIGSTOP");
      during();
      await delay(LONG_PAUSE_MS);
      signal("SIGCONT");
    },
  },
  hangup: {
    kind: "emulated",
    what: "the terminals of all command lines go, which run with --detach-on-hangup",
    mayEnd: endsNone,
    early: HANGUP_CALLS,
    async strike(stage, { during }) {
      // A command line that hangs up before its command runs may leave no call.
      await untilBegun(stage, 2 * HANGUP_CALLS.length);
      for (const side of [stage.sides.host, stage.sides.guest]) side.signalCallers("SIGHUP");
      during();
    },
  },
};

/** Resolves when the commands of so many calls run. */
async function untilBegun({ sides }: EmulatedStage, count: number): Promise<void> {
  await until("the commands run", async () => {
    const ledger = (await sides.host.ledger()) + (await sides.guest.ledger());
    return ledger.split(" begun\n").length > count;
  });
}

function kill(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon is killed and started`,
    // A detached call lives on the side that runs it, once its caller has its id.
    mayEnd: ({ kind, from, wasAccepted }) => !(kind === "detached" && from === role && wasAccepted === true),
    async strike({ sides }, { during }) {
      const side = sides[role];
      await side.signal("SIGKILL");
      await side.ended();
      during();
      await side.start();
    },
  };
}

function restart(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon gets SIGTERM, and is started when it has ended`,
    // On a busy machine, commands that end within the usual ten seconds may take longer.
    settings: `${SHORT_LIMITS}\ndrainSeconds = 60`,
    mayEnd: isRefusedByDrain,
    async strike({ sides }, { during }) {
      const side = sides[role];
      await side.signal("SIGTERM");
      during();
      await side.ended();
      await side.start();
    },
  };
}

/** A daemon that drains takes no new calls. All commands of the others end within its drain. */
function isRefusedByDrain({ kind, wasAccepted, hasBegun }: JudgedCall): boolean {
  return kind === "waiting" || hasBegun !== true || (kind === "detached" && wasAccepted !== true);
}

function restartSoon(role: Role): EmulatedCase {
  return {
    ...restart(role),
    what: `the ${role}'s daemon gets SIGTERM, and may drain for 1 s`,
    settings: `${SHORT_LIMITS}\ndrainSeconds = 1`,
    // A detached call of this side runs on the other one.
    mayEnd: ({ kind, from, wasAccepted }) => !(kind === "detached" && from === role && wasAccepted === true),
  };
}

function pause(role: Role): EmulatedCase {
  return {
    kind: "emulated",
    what: `the ${role}'s daemon is stopped for ${PAUSE_MS / 1000} s`,
    mayEnd: endsNone,
    async strike({ sides }, { during }) {
      const side = sides[role];
      await side.signal("SIGSTOP");
      during();
      await delay(PAUSE_MS);
      await side.signal("SIGCONT");
    },
  };
}
