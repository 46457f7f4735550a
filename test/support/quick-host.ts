/**
 * A host for code of its command line that runs in this process: a config, a `virsh` with given answers, and
 * a daemon with given answers.
 */
import { chmod, mkdir } from "node:fs/promises";
import type { Listener } from "../../src/channels/socket/socket-listener.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import { NegotiatorError } from "../../src/errors.ts";
import type { Invocation } from "../../src/roles/cli/subcommand.ts";
import type { Examination } from "../../src/roles/doctor/check.ts";
import type { StatusSchema } from "../../src/roles/host/status.ts";
import type { GuestStatus } from "../../src/roles/host/status.ts";
import { NO_FIGURES } from "../../src/roles/daemon/link-figures.ts";
import { VERSION } from "../../src/version.ts";
import type { IncomingCall } from "../../src/wire/calls/incoming-call.ts";
import type { InferInput } from "valibot";
import { listenAsDaemon, noAnswer } from "./false-daemon.ts";
import type { FalseAnswer } from "./false-daemon.ts";
import { createTemporaryDirectory } from "./temporary-directory.ts";
import type { TemporaryDirectory } from "./temporary-directory.ts";
import { unsetConfig } from "./unset-config.ts";

/** The answer of virsh: its output, or the message of its failure. */
export type VirshAnswer = string | { complaint: string };

/**
 * The answers of virsh by its words after its own options. Of a list, the next call gets the next one, and
 * the last one stays.
 */
export type VirshAnswers = Readonly<Record<string, VirshAnswer | readonly VirshAnswer[]>>;

/**
 * The answers of a daemon by method: a result, an error, or a function that returns or resolves with one of
 * these. It gets the parameters and the call.
 */
export type DaemonAnswers = Readonly<Record<string, unknown>>;

/**
 * Parts of a host that may be missing. Without `virsh` the host has no such program. `version`: the release
 * of the daemon; ours by default.
 */
export type QuickHostOptions = { virsh?: VirshAnswers; daemon?: DaemonAnswers; version?: string };

/** Its guests and settings; by default only the config names guests. */
export type LineOptions = {
  options?: Readonly<Record<string, readonly string[]>>;
  positionals?: readonly string[];
  host?: Partial<Settings["host"]>;
  settings?: Partial<Settings>;
  origins?: Readonly<Record<string, string>>;
};

/** A host. Disposal ends its daemon, removes its files, and sets the variables of this process back. */
export type QuickHost = AsyncDisposable & {
  readonly directory: TemporaryDirectory;
  /** The path of the control socket, whether a daemon listens there or not. */
  readonly control: string;
  /** The calls that the daemon got. */
  readonly asked: { method: string; params: unknown }[];
  /** The words of each call of virsh, without `--quiet`. */
  virshCalls(): Promise<string[]>;
  /** The invocation of a subcommand on this host. */
  line(options?: LineOptions): Invocation;
};

/** Creates the host. Only one can exist at a time, because the PATH is that of this process. */
export async function createQuickHost({
  virsh,
  daemon,
  version = VERSION,
}: QuickHostOptions = {}): Promise<QuickHost> {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const control = directory.at("host.sock");
  const asked: QuickHost["asked"] = [];
  await mkdir(directory.at("bin"));
  if (virsh !== undefined)
    await chmod(await directory.write("bin/virsh", virshScript(directory.path, virsh)), 0o755);
  owned.use(setVariables({ PATH: directory.at("bin"), XDG_RUNTIME_DIR: directory.path }));
  if (daemon !== undefined) owned.use(await listenAs("host", control, daemon, asked, version));
  const held = owned.move();
  return {
    directory,
    control,
    asked,
    async virshCalls() {
      const file = Bun.file(directory.at("calls"));
      return (await file.exists()) ? (await file.text()).split("\n").slice(0, -1) : [];
    },
    line({ options = {}, positionals = [], host = {}, settings = {}, origins = {} } = {}) {
      const none = { control, libvirt: "no", qemu: "no" } as const;
      const audit = { ...DEFAULTS.audit, file: directory.at("audit") };
      const all = { ...DEFAULTS, audit, ...settings, host: { ...DEFAULTS.host, ...none, ...host } };
      const config = { ...unsetConfig(all), origins: new Map(Object.entries(origins)) };
      return {
        words: { options: new Map(Object.entries(options)), positionals },
        config,
        reload: () => Promise.resolve(config),
      };
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

/** Returns all that a check of `doctor` gets on such a host. */
export function examinationOf(invocation: Invocation, isRoot = true): Examination {
  return {
    role: "host",
    invocation,
    configProblem: undefined,
    isRoot,
    unit: () => Promise.resolve(undefined),
    signal: new AbortController().signal,
  };
}

/** The status of a guest whose session is open, with `changes`. */
export function guestStatus(changes: Partial<GuestStatus> = {}): GuestStatus {
  return {
    name: "web1",
    uuid: null,
    state: "open",
    dialect: "native",
    version: "1.0.0",
    since: "2026-01-01T00:00:00.000Z",
    calls: { outgoing: 0, incoming: 0 },
    ...NO_FIGURES,
    lastError: null,
    ...changes,
  };
}

/** An answer to `status`. */
export type StatusAnswer = InferInput<typeof StatusSchema>;

/** Sets variables of this process. Disposal sets them back. */
function setVariables(variables: Readonly<Record<string, string>>): Disposable {
  const before = Object.keys(variables).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, variables);
  return {
    [Symbol.dispose]() {
      for (const [name, value] of before) {
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      }
    },
  };
}

/** Listens at a socket, and answers the calls there. `asked` gets each call. */
export function listenAs(
  role: "host" | "guest",
  path: string,
  answers: DaemonAnswers,
  asked: QuickHost["asked"],
  version = VERSION,
): Promise<Listener> {
  const onCall: FalseAnswer = (method, params, call) => {
    asked.push({ method, params });
    void answer(call, answers[method]);
    return noAnswer;
  };
  return listenAsDaemon(role, path, onCall, { version, medium: role === "host" ? "socket" : "port" });
}

async function answer(call: IncomingCall, given: unknown): Promise<void> {
  const found: unknown = typeof given === "function" ? await given(call.params, call) : given;
  if (found === undefined) call.fail(new NegotiatorError("UNKNOWN_METHOD", `No method ${call.method}`));
  else if (found instanceof NegotiatorError) call.fail(found);
  else call.respond(found);
}

/** The script needs no other program, because the PATH has none. */
function virshScript(directory: string, answers: VirshAnswers): string {
  const rows = Object.entries(answers).map(([words, given], row) => {
    const steps = isList(given) ? given : [given];
    const marks = steps.map((_, step) => quoted(`${directory}/step-${row}-${step}`));
    const branches = steps.slice(0, -1).map((step, index) => {
      const mark = marks[index] ?? "";
      return `if [ ! -e ${mark} ]; then : > ${mark}; ${printing(step)}; fi;`;
    });
    return `${quoted(words)}) ${branches.join(" ")} ${printing(steps.at(-1) ?? "")} ;;`;
  });
  return [
    "#!/bin/sh",
    "while :; do",
    '  case "$1" in --quiet|--readonly|--connect=*) kept="$kept$1 "; shift ;; *) break ;; esac',
    "done",
    `printf '%s\\n' "\${kept#--quiet }$*" >> ${quoted(`${directory}/calls`)}`,
    'case "$*" in',
    ...rows,
    "esac",
    `printf 'error: no answer for %s\\n' "$*" >&2; exit 1`,
    "",
  ].join("\n");
}

function printing(answer: VirshAnswer): string {
  if (typeof answer === "string") return `printf %s ${quoted(answer)}; exit 0`;
  return `printf %s ${quoted(`error: ${answer.complaint}\n`)} >&2; exit 1`;
}

function isList(given: VirshAnswer | readonly VirshAnswer[]): given is readonly VirshAnswer[] {
  return Array.isArray(given);
}

/** As `shellWord`, but a line end stays one. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
