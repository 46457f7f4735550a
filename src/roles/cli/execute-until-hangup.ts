/** `execute --detach-on-hangup`: a detached call that this command line follows for as long as it lives. */
import * as v from "valibot";
import { unresponsiveDaemon } from "./cli-session.ts";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { detachOn } from "../../peers/detached-command.ts";
import { createNativePeer } from "../../peers/native.ts";
import { callCommand } from "../../peers/remote-command.ts";
import type { RemoteCommand } from "../../peers/remote-command.ts";
import { settlesWithin } from "../../process/settling.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { CallId } from "../../wire/message.ts";
import type { MessageListener } from "../../wire/calls/mailbox.ts";
import { askDaemon } from "./ask-daemon.ts";
import type { CliSession } from "./cli-session.ts";
import { dialControl, noDaemon } from "./control-client.ts";
import type { ExecuteLine } from "./execute-through.ts";
import { waitForCommand } from "./remote-command.ts";
import type { Outcome } from "./subcommand.ts";

/** A line to execute through the daemon at `control`. `guest` is the guest to call, on a host. */
export type HangupLine = Omit<ExecuteLine, "sendsInput"> & {
  role: "host" | "guest";
  control: string;
  guest?: string;
};

/** Shells give a program that SIGHUP ended this exit code. */
const HANGUP_EXIT = 129;

/**
 * Runs the command without input. Its output and its exit code become ours, and signals go to it, as with
 * `execute`. After SIGHUP, and if this process is killed, the command goes on as a detached call.
 */
export async function executeUntilHangup(line: HangupLine): Promise<Outcome> {
  const { role, control, guest, command, args, limits, isRaw, detach = {} } = line;
  await using session = await dialControl(role, control);
  if (session === undefined) throw noDaemon(role, control);
  const { connectTimeoutMs, timeoutMs, isPatient = false } = limits;
  const peer = createNativePeer(session.session, {
    keepsLines: true,
    extra: { connectTimeoutMs, isPatient, ...(guest !== undefined && { guest }) },
    explainNoAnswer: () => unresponsiveDaemon(role),
  });
  const { promise: hungUp, resolve: hangUp } = Promise.withResolvers<Outcome>();
  const leave = (): void => hangUp({ exitCode: HANGUP_EXIT, isStuck: true });
  // A hangup before the command runs must not cancel it either.
  process.on("SIGHUP", leave);
  try {
    const { id } = await detachOn(peer, { command, args, timeoutMs, connectTimeoutMs, ...detach });
    const attached = callCommand(peer, "attach-call", { call: id, from: "start" }, NO_LIMITS);
    const remote = withSignals(attached, session, id);
    const outcome = await Promise.race([waitForCommand(remote, 0, { isRaw }), hungUp]);
    await settlesWithin(remote.asked(), GOODBYE_MS);
    return outcome;
  } finally {
    process.off("SIGHUP", leave);
  }
}

/** The daemon passes the last signal or cancel on in this time. */
const GOODBYE_MS = 2000;
const NO_LIMITS = { hasInput: false, timeoutMs: 0 };

/** `asked` resolves when all signals and a cancel were passed on. */
type Followed = RemoteCommand & { asked(): Promise<unknown> };

/** Returns the attached command, whose signals and cancel go to the call itself. */
function withSignals(attached: RemoteCommand, session: CliSession, id: CallId): Followed {
  let listener: MessageListener | undefined;
  const asked: Promise<unknown>[] = [];
  const ask = (method: string, params: object): Promise<unknown> =>
    askDaemon(session, method, v.unknown(), { params: { call: id, ...params } });
  const signal = async (value: object): Promise<void> => {
    await ask("signal-call", value);
    listener?.("signalled", value);
  };
  return {
    takesMessages: true,
    isSent: true,
    stdin: undefined,
    stdout: attached.stdout,
    stderr: attached.stderr,
    ended: attached.ended,
    send(name, value) {
      if (name !== "signal" || !isJsonObject(value) || value["signal"] === "SIGHUP") return;
      asked.push(signal(value).catch(ignoreEnded));
    },
    listen: (given) => void (listener = given),
    cancel: () => void asked.push(ask("cancel-call", { waits: false }).catch(ignoreEnded)),
    asked: () => Promise.all(asked),
  };
}

/** The command may have ended in between. If the daemon is gone, the attach ends too. */
function ignoreEnded(thrown: unknown): void {
  log.debug(NegotiatorError.from(thrown).message);
}

const log = logFor("cli");
