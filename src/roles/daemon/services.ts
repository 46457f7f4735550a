/** What a daemon offers to its peers, under its policy and with its audit trail; what a reload renews. */
import { setTimeout as delay } from "node:timers/promises";
import { openAudit } from "../../audit/audit.ts";
import type { Audit } from "../../audit/audit.ts";
import type { AuditEntry } from "../../audit/audit-line.ts";
import type { Config } from "../../config/config.ts";
import type { Limits } from "../../limits.ts";
import { logFor } from "../../log.ts";
import { BUILTINS } from "../../methods/builtin/builtins.ts";
import type { CommandSources } from "../../methods/commands.ts";
import { createExecute } from "../../methods/execute.ts";
import { createInfo } from "../../methods/info.ts";
import { createListCommands } from "../../methods/list-commands.ts";
import { createDispatcher } from "../../methods/method.ts";
import type { Caller, Method } from "../../methods/method.ts";
import type { Serve } from "../../methods/serve.ts";
import { ourUid } from "../../trust/ownership.ts";
import { DEFAULT_POLICY } from "../../policy/policy.ts";
import { createQuota } from "../../policy/quota.ts";
import type { Settings } from "../../config/settings.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import { makeId } from "../identity.ts";
import { loadPolicy } from "./policy-file.ts";

/** Disposing waits for the calls that still run, as long as it takes to end them the hard way, and then closes the audit. */
export type Services = AsyncDisposable & {
  /** Calls that run here or are passed on, whoever made them. */
  readonly runningCount: number;
  /** Serves the calls of one caller. */
  serve: (caller: Caller) => Serve;
  /** Serves local users' calls, which these methods pass on; under ids of ours, in the audit and to the peer. */
  relay: (methods: readonly Method[]) => (call: IncomingCall) => void;
  /** What one peer may cost, from the start to the end: every conversation goes by the same. */
  readonly limits: Limits;
  /** Takes new settings and reads the policy again; calls that run go on under the old ones. */
  reload: (config: Config) => void;
};

const log = logFor("services");
/** From SIGTERM to SIGKILL a command has five seconds, and its output five more. */
const LAST_CALLS_MS = 11_000;

export function createServices(role: "host" | "guest", first: Config): Services {
  let { settings } = first;
  let policy = loadPolicy(first);
  let audit = startAudit(settings);
  const uid = ourUid();
  const sources = (): CommandSources => ({
    directories: settings.commandsDirectory,
    builtins: BUILTINS,
    uid,
  });
  const methods = [createExecute({ role, sources }), createListCommands({ sources }), createInfo({ role })];
  const quota = createQuota();

  const running = new Set<Promise<void>>();
  const track =
    (dispatch: (call: IncomingCall) => Promise<void>) =>
    (call: IncomingCall): void => {
      const ended = dispatch(call).finally(() => running.delete(ended));
      running.add(ended);
    };
  const record = (entry: AuditEntry): void => audit.record(entry);
  const common = { role, quota, audit: { record }, now: () => performance.now() };
  return {
    serve: (caller) => ({
      call: track(
        createDispatcher({ ...common, direction: "incoming", caller, methods, policy: () => policy }),
      ),
      notice: () => undefined,
    }),
    relay(relayed) {
      const dispatch = createDispatcher({
        ...common,
        direction: "outgoing",
        caller: {},
        methods: relayed,
        policy: () => DEFAULT_POLICY,
      });
      // Local users share our one conversation with the peer: an id that one of them made may be another's already.
      return track((call) => dispatch({ ...call, id: makeId() }));
    },
    get runningCount() {
      return running.size;
    },
    limits: first.settings.limits,
    reload(next) {
      ({ settings } = next);
      policy = loadPolicy(next, policy);
      audit[Symbol.dispose]();
      audit = startAudit(settings);
    },
    async [Symbol.asyncDispose]() {
      await Promise.race([Promise.all(running), delay(LAST_CALLS_MS, undefined, { ref: false })]);
      audit[Symbol.dispose]();
    },
  };
}

function startAudit({ audit: { file, ...rest } }: Settings): Audit {
  return openAudit({ path: file, ...rest, onProblem: (problem) => log.error(problem.message) });
}
