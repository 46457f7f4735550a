/** The methods of a daemon, under its policy and with its audit. A reload renews both. */
import { setTimeout as delay } from "node:timers/promises";
import type { Config } from "../../config/config.ts";
import type { Settings } from "../../config/settings.ts";
import { DEFAULT_LIMITS } from "../../limits.ts";
import type { Limits } from "../../limits.ts";
import type { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { endBuiltinChildren, selectBuiltins } from "../../methods/builtin/builtins.ts";
import { identifyCaller } from "../../policy/caller.ts";
import type { Caller } from "../../policy/caller.ts";
import type { CommandSources } from "../../methods/commands.ts";
import { createDispatcher, givenCall } from "../../methods/dispatcher.ts";
import type { Dispatcher, DispatcherOptions } from "../../methods/dispatcher.ts";
import { createAttachCommand } from "../../methods/attach-command.ts";
import { createExecute } from "../../methods/execute.ts";
import { createInfo } from "../../methods/info.ts";
import { createListCalls } from "../../methods/list-calls.ts";
import { createListCommands } from "../../methods/list-commands.ts";
import type { FrozenKeptCommands, KeptCommands } from "../../methods/kept/kept-commands.ts";
import type { Method } from "../../methods/method.ts";
import { createCancelCommand, createSignalCommand } from "../../methods/signal-command.ts";
import type { Serve } from "../../methods/serve.ts";
import { createAnswerMemory } from "../../peers/answer-memory.ts";
import type { AnswerMemory } from "../../peers/answer-memory.ts";
import { MEMORY } from "../../peers/shared-memory.ts";
import { namesCommand } from "../../policy/named-commands.ts";
import { mayCall } from "../../policy/policy.ts";
import type { Policy } from "../../policy/policy.ts";
import { createQuota } from "../../policy/quota.ts";
import type { Resource } from "../../policy/resource.ts";
import type { FrozenAccount } from "../../policy/quota.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { PolicyRequest } from "../../policy/rule-match.ts";
import type { METHODS_OF_PEERS } from "../../policy/rule-table.ts";
import { countWaitingStarts } from "../../peers/fair-start.ts";
import { holdWatching } from "../../process/descriptor-watch.ts";
import type { FrozenOrders } from "../../process/order-queue.ts";
import { createUserCache } from "../../process/user-cache.ts";
import type { FrozenUsers, UserCache } from "../../process/user-cache.ts";
import { ourUid } from "../../trust/ownership.ts";
import { makeId } from "../identity.ts";
import { reportCommands } from "./command-report.ts";
import type { CommandReport } from "./command-report.ts";
import { createCommandCatalogue } from "./command-catalogue.ts";
import type { CommandNews } from "./command-catalogue.ts";
import { checkLocally, listLocally } from "./call-check.ts";
import { createLocalIdentity } from "./local-identity.ts";
import type { FindLocalUser } from "./local-identity.ts";
import { createUserJudge } from "./user-judge.ts";
import type { DaemonVerdict } from "./policy-check-method.ts";
import { createLowerUserFile } from "./lower-user-file.ts";
import { readFirstFiles } from "./first-files.ts";
import type { FirstFiles } from "./first-files.ts";
import { openKept } from "./open-kept.ts";
import { createPolicyInForce } from "./policy-in-force.ts";
import type { PolicyInForce } from "./policy-in-force.ts";
import { createRunningCalls } from "./running-calls.ts";
import { startDaemonAudit } from "../start-audit.ts";

/**
 * Disposing waits until the running calls have ended, for at most as long as it takes to kill them. Then
 * closes the audit.
 */
export type Services = AsyncDisposable & {
  /** The number of calls and notices that run here or are passed on now. */
  readonly runningCount: number;
  /** Refuses all further calls that would start a command, because the daemon stops. */
  refuseStarts: () => void;
  /** Returns what serves one caller. */
  serve: (caller: Caller) => Serve;
  /** Returns what serves one caller with other methods, such as those of the guest agent. */
  serveMethods: (caller: Caller, methods: readonly Method[]) => Serve;
  /** Returns whether the policy lets a caller call a method, for some resource or for this one. */
  isCallable: (caller: Caller, method: string, needsRule: boolean, resource?: Resource) => boolean;
  /** Resolves with the names of the commands. */
  commandNames: () => Promise<ReadonlySet<string>>;
  /** Returns the directories that they are in. */
  commandDirectories: () => readonly string[];
  /** Returns what serves local users with these methods, which pass calls on. Every call gets a new id. */
  relay: (methods: readonly Method[]) => Serve;
  /** The users of commands and callers, as the system resolves them. */
  readonly users: UserCache;
  /** The detached commands that run here. */
  readonly kept: KeptCommands;
  /** The memory of large answers to old callers, which all of them share. */
  readonly answerMemory: AnswerMemory;
  /** The limits of one peer, as at the start: a reload does not change them. */
  readonly limits: Limits;
  /** Whether stream chunks may go over a port as they are. A reload does not change it. */
  readonly offersRaw: boolean;
  /** The state of the policy and of the files that were read. */
  readonly policy: Pick<PolicyInForce, "problem" | "findUnread" | "config">;
  /** Judges a call by the policy that is in force. Rejects as `checkCall` does. */
  checkPolicy: (request: PolicyRequest) => Promise<DaemonVerdict>;
  /** Takes new settings and reads the policy again. Running calls go on under the old ones. */
  reload: (config: Config) => Promise<void>;
  /** Loads the users and commands again, after `reload`. */
  loadCommands: () => Promise<CommandNews>;
  /** Resolves with all commands and the users that run them. */
  reportCommands: () => Promise<CommandReport>;
  /** The number of calls that cannot be handed over to another program before they have ended. */
  readonly heldUpCount: number;
  /** Returns what outlives the calls as plain data, for the program that replaces this one. */
  freeze: () => FrozenServices;
};

/** The quotas, detached commands, unwritten audit lines and resolved users of a daemon as plain data. */
export type FrozenServices = {
  quota: FrozenAccount[];
  kept: FrozenKeptCommands;
  audit?: FrozenOrders;
  users?: FrozenUsers;
};

const log = logFor("services");
/** A command has five seconds from SIGTERM to SIGKILL, and its output has five more. */
const LAST_CALLS_MS = 11_000;
/** How often the audit writes the counts of lines that it left out, and kept commands are forgotten. */
const SETTLE_MS = 10_000;

/** Tests replace the search for local users. */
export type ServicesOptions = {
  findLocalUser?: FindLocalUser;
  frozen?: FrozenServices | undefined;
  /** The files that were read without a wait on this thread; a test reads them now. */
  files?: FirstFiles;
};

/** Resolves with the services of a daemon, as `createServices` returns them. Never waits on this thread. */
export async function startServices(
  role: "host" | "guest",
  config: Config,
  frozen?: FrozenServices,
): Promise<Services> {
  return createServices(role, config, {
    frozen,
    files: await readFirstFiles(role, config, frozen !== undefined),
  });
}

/** Returns the services of a daemon. Reads the policy and opens the audit; failures of both are logged. */
export function createServices(
  role: "host" | "guest",
  first: Config,
  { findLocalUser = createLocalIdentity(), frozen, files }: ServicesOptions = {},
): Services {
  let { settings } = first;
  let builtins = selectBuiltins(settings.builtIns);
  const policy = createPolicyInForce(role, first, files?.policy);
  const uid = ourUid();
  const users = createUserCache(undefined, frozen?.users);
  const loadUsers = (): Promise<void> => users.load([uid, ...usersOf(policy.policy)]);
  void loadUsers();
  const sources = (): CommandSources => ({ ...sourcesOf(settings), builtins, uid, ...checkLocally(role) });
  const kept = openKept(role, settings, frozen?.kept, files);
  const lowerUsers = createLowerUserFile(settings.detached.directory, role, () => settings.commandsDirectory);
  const commands = createCommandCatalogue({ role, sources, users, lowerUsers });
  const isKnown = (name: string): boolean => commands.has(name) || namesCommand(policy.policy, name);
  let audit = startDaemonAudit(settings.audit, { onProblem: onAuditProblem, isKnown, frozen: frozen?.audit });
  const methods = listMethods({ role, commands, users, kept, openCalls: settings.limits.openCalls });
  const quota = createQuota();
  quota.thaw(frozen?.quota ?? [], performance.now());
  const heldUp = new Set<IncomingCall>();
  const limits = { ...DEFAULT_LIMITS, ...settings.limits };
  MEMORY.limit(limits.sharedBytes);

  let watching: Disposable | undefined;
  const running = createRunningCalls(role, () => {
    compileHotCodeSoon();
    watching = holdWatching();
  });
  const settling = setInterval(() => {
    audit.settle();
    kept.expire();
  }, SETTLE_MS).unref();
  // A reload replaces the audit.
  const common = { role, quota, heldUp, audit: followAudit(() => audit), now: () => performance.now() };
  const incoming = { ...common, direction: "incoming", policy: () => policy.policy } as const;
  const serveMethods: Services["serveMethods"] = (caller, methods) =>
    running.track(createDispatcher({ ...incoming, caller, methods }));
  return {
    serve: (caller) => serveMethods(caller, methods),
    serveMethods,
    isCallable: (caller, method, needsRule, resource) =>
      mayCall(policy.policy, { caller, method, resource }, needsRule),
    commandNames: async () => new Set((await commands.list()).commands.map(({ name }) => name)),
    commandDirectories: () => settings.commandsDirectory,
    relay(relayed) {
      const options = { ...common, methods: relayed, policy: () => policy.policy };
      return running.track(createRelayDispatcher(options, findLocalUser));
    },
    get runningCount() {
      return running.count;
    },
    refuseStarts: running.refuseStarts,
    users,
    kept,
    answerMemory: createAnswerMemory(first.settings.limits.foreignAnswerBytes),
    limits,
    offersRaw: first.settings.rawPayloads,
    policy,
    checkPolicy(request) {
      const words = { ...listLocally(settings), ...checkLocally(role, identifyCaller(request.caller).guest) };
      return policy.check(request, { find: (name) => commands.find(name, () => true, { words }), users });
    },
    async reload(next) {
      await policy.reload(next);
      ({ settings } = next);
      builtins = selectBuiltins(settings.builtIns);
      users.clear();
      audit[Symbol.dispose]();
      audit = startDaemonAudit(settings.audit, { onProblem: onAuditProblem, isKnown });
    },
    async loadCommands() {
      const [news] = await Promise.all([commands.reload(), loadUsers()]);
      return news;
    },
    reportCommands: async () => reportCommands(await commands.list(), users, uid),
    get heldUpCount() {
      return heldUp.size + countWaitingStarts();
    },
    freeze() {
      audit.settle();
      return {
        quota: quota.freeze(performance.now()),
        kept: kept.freeze(),
        audit: audit.freeze(),
        users: users.freeze(),
      };
    },
    async [Symbol.asyncDispose]() {
      clearInterval(settling);
      watching?.[Symbol.dispose]();
      commands[Symbol.dispose]();
      endBuiltinChildren();
      await Promise.race([running.ended(), delay(LAST_CALLS_MS, undefined, { ref: false })]);
      await audit.end();
      await kept[Symbol.asyncDispose]();
    },
  };
}

function onAuditProblem(problem: NegotiatorError): void {
  log.error(problem.message);
}

function followAudit(current: () => DispatcherOptions["audit"]): DispatcherOptions["audit"] {
  return {
    get isStrict() {
      return current().isStrict;
    },
    begin: (entry) => current().begin(entry),
    record: (entry, begun) => current().record(entry, begun),
  };
}

/** Serves local users, each under its own name. Every call gets a new id. */
function createRelayDispatcher(
  options: Omit<DispatcherOptions, "direction" | "caller">,
  findLocalUser: FindLocalUser,
): Dispatcher {
  const { methods, policy } = options;
  const dispatcher = createDispatcher({ ...options, direction: "outgoing", caller: { via: "local" } });
  const ours = new Set(methods.filter(({ own }) => own !== undefined).map(({ name }) => name));
  const judge = createUserJudge(policy, findLocalUser);
  return {
    ...dispatcher,
    async call(incoming) {
      // All local users share our one session with the peer, so their own ids could collide there.
      const given = givenCall(incoming);
      const call = { ...incoming, id: given?.id ?? makeId() };
      if (given !== undefined) return dispatcher.call(call, given.caller);
      const user = ours.has(call.method) ? call.caller : judge(call.caller);
      await dispatcher.call(call, { via: "local", ...(user instanceof Promise ? await user : user) });
    },
  };
}

function sourcesOf(settings: Settings): Pick<CommandSources, "directories" | "moreNames"> {
  return { directories: settings.commandsDirectory, moreNames: settings.commandNames };
}

function usersOf(policy: Policy): string[] {
  return policy.kind === "rules" ? policy.rules.flatMap(({ user }) => user ?? []) : [];
}

/** THE LIST of methods that a peer can call. */
function listMethods(options: Parameters<typeof createExecute>[0] & { kept: KeptCommands }): Method[] {
  const { role, commands, kept } = options;
  const methods: Record<(typeof METHODS_OF_PEERS)[number], Method> = {
    execute: createExecute(options),
    "attach-command": createAttachCommand(kept),
    "signal-command": createSignalCommand(kept),
    "cancel-command": createCancelCommand(kept),
    "list-commands": createListCommands({ commands }),
    "list-calls": createListCalls(kept),
    info: createInfo({ role }),
  };
  return Object.values(methods);
}

/**
 * The binary compiles hot code late (`scripts/compile.ts`), but each call runs the same code. A daemon that
 * gets no calls keeps its small memory.
 */
function compileHotCodeSoon(): void {
  Bun.unsafe.setJITPolicy(1);
}
