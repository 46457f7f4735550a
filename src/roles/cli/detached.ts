/** The subcommands for detached calls, for both roles. They ask the daemon, which outlives them. */
import * as v from "valibot";
import { unresponsiveDaemon } from "./cli-session.ts";
import { FAULTS, NegotiatorError } from "../../errors.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import { answerInTime } from "../../peers/deadline.ts";
import { createNativePeer } from "../../peers/native.ts";
import { callCommand, checkEnd } from "../../peers/remote-command.ts";
import { printable, printableJson } from "../../printable.ts";
import { FORWARDED_SIGNALS } from "../../process/run.ts";
import { CallsSchema } from "../daemon/detached-relay.ts";
import type { CallRow } from "../daemon/detached-relay.ts";
import { askDaemon } from "./ask-daemon.ts";
import type { CliSession } from "./cli-session.ts";
import { dialControl, noDaemon } from "./control-client.ts";
import { print } from "./output.ts";
import { formatAge } from "./quantity.ts";
import { formatTable } from "./table.ts";
import { exitCodeOf, explainDeadline, takeOutput } from "./remote-command.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

type Role = "host" | "guest";

/** Prints the calls of this user, and of all users for root: those that run, and those that are kept. */
export async function showCalls(role: Role, { words, config }: Invocation): Promise<Outcome> {
  await using control = await dial(role, config.settings[role].control);
  const [guest] = words.positionals;
  const params = guest === undefined ? {} : { guest };
  const { calls, silent, leftOut } = await askDaemon(control, "calls", CallsSchema, { params });
  if (silent.length > 0) await warnOfSilent(silent);
  if (leftOut > 0)
    await writeNote(`${leftOut} more calls are not shown: name a guest to see all of its calls`);
  if (calls.length === 0) return { exitCode: 0 };
  if (words.options.has("json"))
    return print(calls.map((call) => printableJson(JSON.stringify(call))).join("\n"));
  const rows = calls.map((call) => formatCall(role, call));
  const columns = TITLES.map((title, index) => ({
    title,
    cells: rows.map((row) => ({ text: row[index] ?? "" })),
  }));
  return print(formatTable(columns).join("\n"));
}

/** Writes the kept output of a call and follows it to its end. Our exit code is that of the command. */
export async function attachCall(role: Role, { words, config }: Invocation): Promise<Outcome> {
  await using control = await dial(role, config.settings[role].control);
  const [call = ""] = words.positionals;
  const peer = createNativePeer(control.session, {
    keepsLines: true,
    explainNoAnswer: () => unresponsiveDaemon(role),
  });
  const from = words.options.has("follow") ? "now" : "start";
  const remote = callCommand(peer, "attach-call", { call, from }, { hasInput: false, timeoutMs: 0 });
  const lost = Promise.withResolvers<Outcome>();
  const blocked = new Set<string>();
  const isRaw = words.options.has("raw");
  const outputs = (["stdout", "stderr"] as const).map((stream) =>
    takeOutput(remote, stream, { abort: lost.resolve, blocked, isRaw }),
  );
  const whole = remote.ended.then(async (result) => {
    await Promise.all(outputs);
    if (remote.stdout.isTruncated || remote.stderr.isTruncated) await warnOfCut();
    return outcomeOf(result);
  });
  return await Promise.race([whole, lost.promise]);
}

/** Waits until all of the calls have ended. */
export async function waitForCalls(role: Role, { words, config }: Invocation): Promise<Outcome> {
  await using control = await dial(role, config.settings[role].control);
  const ids = words.positionals;
  const ends = await Promise.all(ids.map((id) => waitForCall(control, id)));
  const [first] = ends;
  if (ends.length === 1 && first !== undefined) return outcomeOf(first);
  const lines = ends.map((end, index) => `${printable(ids[index] ?? "")}: ${formatEnd(end)}`);
  await print(lines.join("\n"));
  return { exitCode: ends.every((end) => exitCodeOf(end) === 0) ? 0 : 1 };
}

/** Ends the command of a call, and prints how it ended. */
export async function cancelCall(role: Role, { words, config }: Invocation): Promise<Outcome> {
  await using control = await dial(role, config.settings[role].control);
  const [call = ""] = words.positionals;
  const result: unknown = await askDaemon(control, "cancel-call", v.unknown(), {
    params: { call },
    timeoutMs: CANCEL_MS,
  });
  return print(`Cancelled: ${formatEnd(checkEnd(result))}`);
}

/** Sends a signal to the command of a call. Throws `BAD_USAGE` for a name that is not one. */
export async function signalCall(role: Role, { words, config }: Invocation): Promise<Outcome> {
  const [call = "", name = ""] = words.positionals;
  const signal = FORWARDED_SIGNALS.find((known) => known === name || known === `SIG${name}`);
  if (signal === undefined) {
    throw new NegotiatorError("BAD_USAGE", `Cannot send the signal "${printable(name)}"`, {
      remedy: `Use one of: ${FORWARDED_SIGNALS.join(", ")}. To end a call: negotiator ${role} cancel CALL`,
    });
  }
  await using control = await dial(role, config.settings[role].control);
  await askDaemon(control, "signal-call", v.unknown(), { params: { call, signal } });
  return { exitCode: 0 };
}

/** The daemon waits for the end of the command: up to five seconds, and for its peer. */
const CANCEL_MS = 35_000;

async function dial(role: Role, path: string): Promise<CliSession> {
  const control = await dialControl(role, path);
  if (control === undefined) throw noDaemon(role, path);
  return control;
}

async function waitForCall({ role, session }: CliSession, id: string): Promise<ExecuteResult> {
  const call = session.call({ method: "attach-call", params: { call: id, from: "now" }, keepsLines: true });
  const answer = await answerInTime(call, { timeoutMs: 0 }, session, () => unresponsiveDaemon(role));
  return checkEnd(answer.result);
}

function outcomeOf(result: ExecuteResult): Outcome {
  const error = explainDeadline(result, 0) ?? explainCancel(result);
  return { exitCode: exitCodeOf(result), ...(error && { error }) };
}

/** The caller may not know that another one has cancelled the command. */
function explainCancel({ endedBy }: ExecuteResult): NegotiatorError | undefined {
  if (endedBy !== "cancel") return undefined;
  return new NegotiatorError(
    "CANCELLED",
    "The command was ended early: by cancel, or with the daemon that ran it",
    {
      remedy: "Start it again if it has to run to its end",
    },
  );
}

type CommandEnd = Pick<ExecuteResult, "exitCode" | "signal" | "endedBy">;

function formatEnd({ exitCode, signal, endedBy }: CommandEnd): string {
  if (endedBy === "deadline" || endedBy === "limit") return "ended by its deadline";
  return signal === null
    ? `exit code ${exitCode ?? FAULTS.INTERNAL.exitCode}`
    : `ended by ${printable(signal)}`;
}

function formatCall(role: Role, call: CallRow): string[] {
  const {
    id,
    direction,
    guest,
    caller,
    command = "",
    state,
    startedMs,
    exitCode = null,
    signal = null,
  } = call;
  const other = guest ?? (role === "guest" ? "host" : "");
  const end =
    state === "running" || call.endedBy === undefined
      ? state
      : formatEnd({ exitCode, signal, endedBy: call.endedBy });
  const who = caller?.name ?? (caller?.uid === undefined ? "" : String(caller.uid));
  return [id, direction, other, who, command, `${formatAge(startedMs)} ago`, end].map(printable);
}

const TITLES = ["CALL", "", "WITH", "USER", "COMMAND", "BEGUN", "STATE"];

async function warnOfSilent(names: readonly string[]): Promise<void> {
  await writeNote(
    `Without the calls of ${names.map(printable).join(", ")}: no answer came in time, or it is not a list`,
  );
}

async function warnOfCut(): Promise<void> {
  await writeNote("The output is not whole: only its last part was kept");
}

async function writeNote(text: string): Promise<void> {
  const { standardOutput } = await import("../../standard-output.ts");
  await standardOutput.writeSoon("stderr", `negotiator: ${text}\n`);
}
