/** The program under the name of the QEMU guest agent: it answers as that, and does nothing else. */
import { join } from "node:path";
import { openCharacterDevice } from "../../channels/port/port.ts";
import { listenSocket } from "../../channels/socket/socket-listener.ts";
import { agentFiles, loadConfig, loadConfigLate } from "../../config/config.ts";
import type { Config } from "../../config/config.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import { configureLog, logFor } from "../../log.ts";
import { listAgentCommandNames } from "../../methods/agent/agent-commands.ts";
import { runTool } from "../../methods/agent/tool.ts";
import { createForeignLink } from "../../peers/foreign-link.ts";
import type { ForeignLink } from "../../peers/foreign-link.ts";
import { QGA } from "../../peers/qga/qga.ts";
import { pause } from "../../peers/supervise.ts";
import { holdWhileFrozen } from "../../process/freezer.ts";
import { startInBackground } from "../../process/background.ts";
import { ourUid } from "../../trust/ownership.ts";
import { findDirectoryFault } from "../../trust/socket-place.ts";
import { printable } from "../../printable.ts";
import { createMemory } from "../../wire/memory.ts";
import { formatVersion } from "../../version.ts";
import { print } from "../cli/output.ts";
import type { Outcome } from "../cli/subcommand.ts";
import { beginDaemon, runDaemon } from "../daemon/daemon.ts";
import { startServices } from "../daemon/services.ts";
import { makeId } from "../identity.ts";
import { createAgentServe } from "./agent-serve.ts";
import { AGENT_HELP, formatAgentLine, formatAgentWords, readAgentLine } from "./agent-options.ts";
import type { AgentLine } from "./agent-options.ts";

const log = logFor("daemon");

/** Runs the program by the words of the QEMU guest agent. `calledAs` is the name by which it was called. */
export async function runQemuGa(calledAs: string, words: readonly string[]): Promise<Outcome> {
  const files = agentFiles();
  const line = readAgentLine(words, files.config);
  switch (line.action) {
    case "help":
      return print(AGENT_HELP);
    case "version":
      return print(formatVersion());
    case "dump":
      return print(formatAgentLine(line));
    case "list":
      return print(listAgentCommandNames().join("\n"));
    case "run":
      break;
  }
  if (line.logFile !== "" && !line.isDaemon)
    throw new NegotiatorError("BAD_USAGE", "The option -l works only with -d", {
      remedy: "Add -d, or redirect standard error: qemu-ga … 2> FILE",
    });
  await checkStateDirectory(line);
  if (line.isDaemon) return goToBackground(calledAs, line);
  return serve(line, files.osRelease);
}

/** The file there says that file systems are frozen, and which process gets a signal to thaw them. */
async function checkStateDirectory({ stateDirectory }: AgentLine): Promise<void> {
  const fault = await findDirectoryFault(stateDirectory, ourUid());
  if (fault === undefined) return;
  const message = `Cannot keep the state of a freeze in "${printable(stateDirectory)}": ${fault.problem}`;
  throw new NegotiatorError("BAD_USAGE", message, { remedy: "Leave out -t, or use: -t /run" });
}

async function goToBackground(calledAs: string, line: AgentLine): Promise<Outcome> {
  await startInBackground(calledAs, formatAgentWords(line), line);
  return { exitCode: 0 };
}

async function serve(line: AgentLine, osReleaseFile: string | undefined): Promise<Outcome> {
  using signals = beginDaemon();
  const load = (readFile?: () => string | undefined): Config => {
    const config = loadConfig(readFile && { readFile });
    const { level } = config.settings.log;
    configureLog({ ...config.settings.log, level: line.isVerbose ? "debug" : level });
    return config;
  };
  const config = load();
  const lockFile = join(line.stateDirectory, FREEZE_LOCK);
  holdWhileFrozen(lockFile);
  await using services = await startServices("guest", config);
  const stop = new AbortController();
  await using held = new AsyncDisposableStack();
  const { blocked, allowed, freezeHook } = line;
  const { limits, answerMemory } = services;
  const agent = createAgentServe(services, {
    osReleaseFile,
    blocked: new Set(blocked),
    allowed: allowed.length === 0 ? undefined : new Set(allowed),
    freeze: {
      lockFile,
      limitMs: config.settings.guest.freezeSeconds * 1000,
      hook: freezeHook,
    },
  });
  held.use(agent);
  const memory = createMemory(2 * BEGUN_REQUESTS_BYTES).open();
  const link = createForeignLink(QGA, { serve: agent.serve, makeId, limits, answerMemory, memory });
  const ended = Promise.withResolvers<NegotiatorError>();
  const holding = hold(line, link, stop.signal, held).catch((thrown: unknown) =>
    ended.resolve(NegotiatorError.from(thrown)),
  );
  const running = runDaemon({
    role: "guest",
    signals,
    invocation: { config, reload: () => loadConfigLate(config.file.path, load) },
    async apply(next) {
      await services.reload(next);
      return services.policy.problem;
    },
    loadCommands: () => services.loadCommands(),
    openCalls: () => services.runningCount,
    refuseStarts: services.refuseStarts,
  });
  const failure = await Promise.race([running.then(() => undefined), ended.promise]);
  stop.abort();
  link.close();
  await holding;
  if (failure === undefined) return { exitCode: 0, isStuck: true };
  const exitCode = failure.code === "BAD_USAGE" ? FAULTS.BAD_USAGE.exitCode : 1;
  return { exitCode, error: failure, isStuck: true };
}

/** The most of all clients' requests that have begun and not ended; a request has up to half of it. */
const BEGUN_REQUESTS_BYTES = 32 * 1024 * 1024;
const FREEZE_LOCK = "qga.state.frozen";
/** Only root may connect, as to the socket of the other agent. */
const SOCKET_MODE = 0o600;
const RETRY_MS = 5000;
const SERIAL_DEVICE = "/dev/ttyS0";

async function hold(
  { method, path, retries }: AgentLine,
  link: ForeignLink,
  signal: AbortSignal,
  held: AsyncDisposableStack,
): Promise<void> {
  if (method === "unix-listen") {
    if (path === "")
      throw new NegotiatorError("BAD_USAGE", "The method unix-listen needs a path", {
        remedy: "Name the socket: qemu-ga -m unix-listen -p PATH",
      });
    const onChannel = (channel: Parameters<ForeignLink["run"]>[0]): void =>
      void link.run(channel, signal).catch((thrown: unknown) => {
        log.debug(`A client's connection has ended: ${NegotiatorError.from(thrown).message}`);
      });
    held.use(await listenSocket(path, { mode: SOCKET_MODE, onChannel }));
    log.info(`Listening at ${path} (${QGA.label})`);
    return;
  }
  const [port] = QGA.ports;
  const device =
    path !== "" ? path : method === "isa-serial" ? SERIAL_DEVICE : `/dev/virtio-ports/${port?.name}`;
  for (;;) {
    try {
      if (method === "isa-serial") await runTool(["stty", "-F", device, "raw", "-echo"]);
      const channel = await openCharacterDevice(device, { signal });
      log.info(`Serving the host at ${channel.label} (${QGA.label})`);
      await link.run(channel, signal);
    } catch (thrown) {
      if (!retries && !signal.aborted) throw thrown;
      log.warn(NegotiatorError.from(thrown).message);
    }
    if (signal.aborted) return;
    await pause(RETRY_MS, signal);
  }
}
