/** `execute` in several guests at once, through the daemon. */
import { unresponsiveDaemon } from "../../cli/cli-session.ts";
import { NegotiatorError } from "../../../errors.ts";
import type { CallLimits } from "../../../peers/call-time.ts";
import { printable } from "../../../printable.ts";
import { askDaemon, warnOfVersion } from "../../cli/ask-daemon.ts";
import type { CliSession } from "../../cli/cli-session.ts";
import { dialControl, noDaemon } from "../../cli/control-client.ts";
import { connectThroughDaemon } from "../../cli/peer-connection.ts";
import { createStatusLine } from "../../cli/status-line.ts";
import type { StatusLine } from "../../cli/status-line.ts";
import type { Outcome } from "../../cli/subcommand.ts";
import { StatusSchema } from "../status.ts";
import type { GuestStatus } from "../status.ts";
import type { FanOutChoice } from "./choice.ts";
import { failedResult, runOnGuest } from "./guest-run.ts";
import type { GuestCommand, GuestResult } from "./guest-run.ts";
import { readGuestsFile } from "./guests-file.ts";
import { watchInterruption } from "./interruption.ts";
import { inputKind, openSharedInput } from "./shared-input.ts";
import { openOutputDirectory } from "./output-directory.ts";
import { formatProgress, isSuccess } from "./report.ts";
import { createResultOutput } from "./result-output.ts";
import type { ResultOutput } from "./result-output.ts";
import { chooseTargets } from "./targets.ts";
import type { Targets } from "./targets.ts";

/** A command for several guests. */
export type FanOutLine = {
  control: string;
  choice: FanOutChoice;
  command: string;
  args: readonly string[];
  limits: CallLimits;
  /** Whether the user set the time for reaching a guest. */
  isPatient: boolean;
  sendsInput: boolean;
  isRaw: boolean;
  /** Whether the summary is left out. */
  isQuiet: boolean;
};

/** More calls at once get another connection to the daemon. */
const CALLS_PER_SESSION = 32;
const PROGRESS_MS = 1000;

/** Runs the command. The exit code is 0 if it succeeded in all guests, 2 for wrong usage, else 1. */
export async function executeOnGuests(line: FanOutLine): Promise<Outcome> {
  try {
    return await run(line);
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    return { exitCode: error.code === "BAD_USAGE" ? 2 : 1, error, isStuck: true };
  }
}

async function run(line: FanOutLine): Promise<Outcome> {
  const { control, choice } = line;
  const startMs = performance.now();
  const targets = await findTargets(line);
  const { outputDirectory: directory } = choice;
  await using outputDirectory = directory === undefined ? undefined : await openOutputDirectory(directory);
  const kind = line.sendsInput && !choice.files.includes("-") ? inputKind() : "none";
  await using statusLine = await createStatusLine();
  await using sessions = new AsyncDisposableStack();
  using interruption = watchInterruption();
  using input = kind === "file" ? openSharedInput() : undefined;
  const output = await createResultOutput({ ...line, ...choice, outputDirectory, statusLine });
  if (kind === "stream") await say(statusLine, NOT_SENT);
  await sayAbsent(statusLine, targets, choice.isJson);

  const { command, args, limits } = line;
  const guestCommand: GuestCommand = { command, args, limits, input, interruption };
  const fleet: Fleet = { queue: [...targets.guests], running: new Set(), results: [], output, guestCommand };
  for (const { guest, reason } of targets.absent)
    await finish(fleet, failedResult(guest, new NegotiatorError("NO_CHANNEL", reason)));
  const total = fleet.queue.length + fleet.results.length;
  const showProgress = (): void => statusLine.show(progressOf(fleet, total, performance.now() - startMs));
  // A guest without an agent must not keep the others from being called.
  const absentCount = fleet.results.length;
  const hasFailed = (): boolean => fleet.results.slice(absentCount).some((result) => !isSuccess(result));
  const isOver = (): boolean => interruption.isStopping || (choice.failFast && hasFailed());
  const timer = setInterval(showProgress, PROGRESS_MS);
  try {
    const workers = Math.min(choice.parallel, fleet.queue.length);
    let session: CliSession | undefined;
    const work: Promise<void>[] = [];
    for (let index = 0; index < workers; index++) {
      if (index % CALLS_PER_SESSION === 0) session = sessions.use(await dial(control));
      if (session !== undefined) work.push(runNext(fleet, session, { isOver, showProgress }));
    }
    await Promise.all(work);
  } finally {
    clearInterval(timer);
  }
  for (const guest of fleet.queue) await finish(fleet, failedResult(guest, NOT_STARTED));
  statusLine.show(undefined);
  await output.summarize(fleet.results, performance.now() - startMs);
  const { signal } = interruption;
  const exitCode = fleet.results.every(isSuccess) ? 0 : 1;
  return { exitCode, isStuck: true, ...(signal === undefined ? {} : { signal }) };
}

type Fleet = {
  queue: string[];
  running: Set<string>;
  results: GuestResult[];
  output: ResultOutput;
  guestCommand: GuestCommand;
};

const NOT_STARTED = new NegotiatorError("CANCELLED", "not started");
const NOT_SENT =
  "standard input is not sent: several guests can only get a file. Write < FILE, or -n for no input";

async function findTargets({ control, choice, isPatient }: FanOutLine): Promise<Targets> {
  const files = await Promise.all(choice.files.map(readGuestsFile));
  const guests = await askGuests(control);
  const { all, patterns } = choice;
  return chooseTargets(guests, { all, patterns, names: files.flat(), isPatient }, Date.now());
}

async function askGuests(control: string): Promise<readonly GuestStatus[]> {
  await using session = await dial(control);
  const { guests } = await askDaemon(session, "status", StatusSchema);
  await warnOfVersion(session);
  return guests;
}

async function dial(control: string): Promise<CliSession> {
  const session = await dialControl("host", control);
  if (session === undefined) throw noDaemon("host", control);
  return session;
}

type Steering = { isOver: () => boolean; showProgress: () => void };

/** Calls one guest after the other until the queue is empty, or no more may start. */
async function runNext(fleet: Fleet, session: CliSession, steering: Steering): Promise<void> {
  const { queue, running, output, guestCommand } = fleet;
  for (;;) {
    const guest = steering.isOver() ? undefined : queue.shift();
    if (guest === undefined) return;
    running.add(guest);
    steering.showProgress();
    const { connectTimeoutMs, isPatient = false } = guestCommand.limits;
    const { peer } = connectThroughDaemon(session, () => unresponsiveDaemon("host"), {
      guest,
      connectTimeoutMs,
      isPatient,
    });
    const result = await output
      .open(guest)
      .then(async (sink) => {
        const ended = await runOnGuest(guest, peer, guestCommand, sink);
        await sink.end();
        return ended;
      })
      .catch((thrown: unknown) => failedResult(guest, NegotiatorError.from(thrown)));
    running.delete(guest);
    await finish(fleet, result);
    steering.showProgress();
  }
}

async function finish({ results, output, guestCommand }: Fleet, result: GuestResult): Promise<void> {
  results.push(result);
  if (!(await output.report(result))) guestCommand.interruption.stop("the reader of our output is gone");
}

function progressOf({ running, results }: Fleet, total: number, elapsedMs: number): string {
  const failed = results.filter((result) => !isSuccess(result)).length;
  return formatProgress({ total, done: results.length, failed, running, elapsedMs });
}

async function sayAbsent(statusLine: StatusLine, targets: Targets, isJson: boolean): Promise<void> {
  // With --json each of them has a line.
  for (const { guest, reason } of isJson ? [] : targets.absent)
    await say(statusLine, `${printable(guest)}: ${printable(reason)}`);
  const { leftOut } = targets;
  if (leftOut.length > 0)
    await say(statusLine, `left out, because they do not run: ${leftOut.map(printable).join(", ")}`);
}

async function say(statusLine: StatusLine, text: string): Promise<void> {
  await statusLine.write("stderr", `negotiator: ${text}\n`);
}
