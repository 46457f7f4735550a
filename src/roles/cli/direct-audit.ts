/** Writes down the call of a command line that works without a daemon. */
import type { Begun } from "../../audit/audit.ts";
import type { AuditEntry, AuditPeer } from "../../audit/audit-line.ts";
import type { Settings } from "../../config/settings.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { ExecuteResultSchema } from "../../methods/execute-schemas.ts";
import { verdictOf } from "../../methods/verdict.ts";
import type { Role } from "../../peers/dialect.ts";
import type { Peer } from "../../peers/peer.ts";
import { checkResult } from "../../peers/remote-command.ts";
import { settlesWithin } from "../../process/settling.ts";
import { createUserCache } from "../../process/user-cache.ts";
import { ourUid } from "../../trust/ownership.ts";
import type { CallerInfo } from "../../wire/message.ts";
import { describeProcess, nameUser } from "../daemon/local-caller.ts";
import { makeId } from "../identity.ts";
import { startAudit } from "../start-audit.ts";
import { noteStart } from "../start-note.ts";
import type { CommandCall, PeerConnection } from "./peer-connection.ts";

/** Options for the audit of a call. */
export type DirectAuditOptions = {
  role: Role;
  /** The other end of the connection. */
  peer: AuditPeer;
  /** The call that the connection is for. Undefined for one that runs nothing. */
  call: CommandCall | undefined;
  settings: Settings["audit"];
};

const log = logFor("audit");
/** The end of a connection fails its call at once. */
const LAST_LINE_MS = 1000;

/**
 * Connects, and writes down the call, as the daemon would. The peer gets our own user as the caller.
 * Disposing the connection waits for the last line.
 */
export async function auditDirectCall(
  { role, peer, call, settings }: DirectAuditOptions,
  connect: () => Promise<PeerConnection>,
): Promise<PeerConnection> {
  if (call === undefined) return connect();
  const startMs = performance.now();
  const naming = nameUser(describeProcess({ uid: ourUid(), pid: process.pid }), createUserCache());
  const connecting = connect();
  // The name comes first, and a failure is caught below.
  connecting.catch(() => undefined);
  const made = { ...call, user: await naming, startMs };
  const record = createRecord(role, peer, made, settings);
  let connection: PeerConnection | undefined;
  try {
    connection = await connecting;
    await record.prepare();
  } catch (thrown) {
    record.fail(thrown);
    await record.close();
    await connection?.[Symbol.asyncDispose]();
    throw thrown;
  }
  const { peer: inner, [Symbol.asyncDispose]: disconnect } = connection;
  return {
    peer: {
      get can() {
        return inner.can;
      },
      call: record.attend(inner),
      notify: (name, params) => inner.notify(name, params),
    },
    async [Symbol.asyncDispose]() {
      await disconnect();
      await record.close();
    },
  };
}

/** The lines of one call. */
type CallRecord = {
  /** Writes the start if it has to come before the call is sent. Rejects if the call must not run. */
  prepare: () => Promise<void>;
  /** Writes down a call that was not made. */
  fail: (thrown: unknown) => void;
  /** Returns the function that makes calls of `peer`, and writes down those that run something. */
  attend: (peer: Peer) => Peer["call"];
  /** Waits for the end of the call, and closes the audit. */
  close: () => Promise<void>;
};

/** `startMs` is when it began, on a monotonic clock. */
type MadeCall = CommandCall & { user: CallerInfo; startMs: number };

function createRecord(
  role: Role,
  peer: AuditPeer,
  { command, args, user, startMs }: MadeCall,
  settings: Settings["audit"],
): CallRecord {
  const audit = startAudit(settings, (problem) => log.warn(problem.message));
  const callId = makeId();
  const call = { role, direction: "outgoing", peer, callId, method: "execute", user, command, args } as const;
  let begun: Begun | undefined;
  let ended = Promise.resolve();

  const begin = async (): Promise<void> => {
    begun ??= audit.begin({ ...call, decision: "allowed", rule: "default" });
    await begun.synced?.();
  };
  const record = (outcome: Partial<AuditEntry>): void => {
    const durationMs = Math.round(performance.now() - startMs);
    audit.record({ ...call, decision: "allowed", rule: "default", ...outcome, durationMs }, begun);
  };
  const fail = (thrown: unknown): void => record(verdictOf(NegotiatorError.from(thrown)));

  return {
    prepare: async () => (audit.isStrict || settings.fsync ? begin() : undefined),
    fail,
    attend: (inner) => (method, params, options) => {
      if (method !== call.method) return inner.call(method, params, options);
      const made = inner.call(method, params, { ...options, id: callId, caller: user });
      ended = noteStart(made, begin, () => checkResult(made.result, ExecuteResultSchema)).then(
        ({ exitCode, signal, endedBy }) => record({ exitCode, signal, endedBy }),
        fail,
      );
      return made;
    },
    async close() {
      await settlesWithin(ended, LAST_LINE_MS);
      audit[Symbol.dispose]();
    },
  };
}
