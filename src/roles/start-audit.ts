/** Opens the audit that the settings ask for. */
import { openAudit } from "../audit/audit.ts";
import type { Audit, AuditOptions } from "../audit/audit.ts";
import type { Settings } from "../config/settings.ts";
import type { NegotiatorError } from "../errors.ts";
import { createAuditChild } from "../process/audit-child.ts";
import type { AuditChild } from "../process/audit-child.ts";
import { tryLockFile } from "../process/libc.ts";
import type { FrozenOrders } from "../process/order-queue.ts";
import { createSystemLog } from "../process/system-log.ts";

type OnProblem = (problem: NegotiatorError) => void;

/** Returns the audit of a command line that works without a daemon. It writes in this process. */
export function startAudit(settings: Settings["audit"], onProblem: OnProblem): Audit {
  return openAudit(optionsFor(settings, onProblem));
}

/** The audit of a daemon, which another process writes. `end` disposes it, and waits for its lines. */
type DaemonAudit = Audit & Pick<AuditChild, "freeze"> & { end: () => Promise<void> };

/** `frozen` is what the program that this one has replaced has not written. */
type DaemonAuditOptions = Pick<AuditOptions, "onProblem" | "isKnown"> & {
  frozen?: FrozenOrders | undefined;
};

/** Returns it. */
export function startDaemonAudit(
  settings: Settings["audit"],
  { onProblem, isKnown, frozen }: DaemonAuditOptions,
): DaemonAudit {
  const { maxBytes, keep, onFull } = settings;
  const child = createAuditChild({ maxBytes, keep, isStrict: onFull === "deny", onProblem });
  if (frozen !== undefined) child.thaw(frozen);
  const audit = openAudit({ ...optionsFor(settings, onProblem), isKnown, makeTrail: child.makeTrail });
  return {
    ...audit,
    freeze: child.freeze,
    async end() {
      audit[Symbol.dispose]();
      await child.ended();
    },
  };
}

function optionsFor({ file: path, forward, ...rest }: Settings["audit"], onProblem: OnProblem): AuditOptions {
  const copy = forward === "no" ? undefined : createSystemLog(forward);
  return { path, ...rest, tryLock: tryLockFile, forward: copy, onProblem };
}
