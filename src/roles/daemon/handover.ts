/**
 * Hands the state of a daemon over to the program that replaces it: as a sealed file in memory, with the
 * descriptors that stay open.
 */
import { closeSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import { startAllCarriers } from "../../process/carriers.ts";
import { collectKept } from "../../process/kept-resources.ts";
import { closeOnExec, createSealedFile, isSealed } from "../../process/libc-process.ts";
import { runningChildren } from "../../process/child.ts";
import { signalGroup } from "../../process/process-group.ts";
import { replaceOurselves } from "../../process/restart.ts";
import { shorten } from "../../shorten.ts";
import { decodeState, encodeState } from "./state-text.ts";
import { STATE_VERSIONS } from "./state-version.ts";

/**
 * The part of the file that every version can read: with it a program can end what it cannot take over.
 * `fds` and `children` are the numbers of all descriptors and processes in `state`.
 */
type Envelope = {
  pid: number;
  role: "host" | "guest";
  version: number;
  fds: number[];
  children: number[];
  state: unknown;
};

/** A state that is ready for the next program: its descriptors, and that of its file as the last one. */
export type Handover = { fds: number[] };

/** The error of a fault in the program can quote much of its source. */
const SHOWN_LENGTH = 200;
const FILE_NAME = "negotiator-state";
const log = logFor("daemon");

/** Makes the file from what `freeze` returns. Throws the system's error. */
export function prepareHandover(role: "host" | "guest", version: number, freeze: () => unknown): Handover {
  startAllCarriers();
  const { value: state, fds, children } = collectKept(freeze);
  // Programs that this one watches, such as virsh, are started again by the next one.
  for (const pid of runningChildren()) if (!children.includes(pid)) signalGroup(pid, "SIGTERM");
  const envelope: Envelope = { pid: process.pid, role, version, fds, children, state };
  return { fds: [...fds, createSealedFile(FILE_NAME, new TextEncoder().encode(encodeState(envelope)))] };
}

/** The next program was not started: the descriptors are ours again. */
export function takeBack({ fds }: Handover): void {
  closeOnExec(fds);
  const file = fds.at(-1);
  if (file !== undefined) closeSync(file);
}

/** The state of the program before. `taken` is called once this program has gone on with all of it. */
export type GivenState<State> = { frozen: State | undefined; taken: () => void };

/**
 * Runs `serve` with the state that the program before has left, if it has left one, and resolves with its
 * result. If this program cannot read the state, logs that, ends the commands of the program before, and
 * closes its descriptors. If `serve` fails before it calls `taken`, does the same and starts this program
 * again without the state.
 */
export async function serveHandedOver<State, Result>(
  role: "host" | "guest",
  serve: (given: GivenState<State>) => Promise<Result>,
): Promise<Result> {
  const envelope = takeEnvelope(role);
  if (envelope === undefined) return serve({ frozen: undefined, taken: () => undefined });
  let isTaken = false;
  try {
    // Our own program wrote it.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    return await serve({ frozen: envelope.state as State, taken: () => void (isTaken = true) });
  } catch (thrown) {
    if (isTaken) throw thrown;
    const message = shorten(NegotiatorError.from(thrown).message, SHOWN_LENGTH);
    log.error(`Cannot go on with the state of the program before, so its calls end: ${message}`);
    dropState(envelope);
    // A part of the state may be at work already, so only a start without it is clean.
    replaceOurselves(process.execPath);
    throw thrown;
  }
}

function takeEnvelope(role: "host" | "guest"): Envelope | undefined {
  const file = findFile();
  if (file === undefined) return undefined;
  const text = readFileSync(`/proc/self/fd/${file}`, "utf8");
  closeSync(file);
  const envelope = parseEnvelope(text, role);
  if (envelope === undefined) return undefined;
  closeOnExec(envelope.fds);
  const { version } = envelope;
  if (version >= STATE_VERSIONS.min && version <= STATE_VERSIONS.max) return envelope;
  const known = `${STATE_VERSIONS.min} to ${STATE_VERSIONS.max}`;
  log.error(
    `The program before has left a state of version ${version}, and this one reads ${known}: its calls end`,
  );
  dropState(envelope);
  return undefined;
}

function dropState({ fds, children }: Pick<Envelope, "fds" | "children">): void {
  for (const pid of children) signalGroup(pid, "SIGTERM");
  for (const fd of fds) {
    try {
      closeSync(fd);
    } catch {
      // It was closed already.
    }
  }
}

/** Any process could give us such a file as it starts us, so the content names this process too. */
function findFile(): number | undefined {
  for (const name of readdirSync("/proc/self/fd")) {
    const fd = Number(name);
    if (linkOf(name).startsWith(`/memfd:${FILE_NAME} `) && isSealed(fd)) return fd;
  }
  return undefined;
}

function linkOf(fd: string): string {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch {
    // The descriptor of the directory itself is closed by now.
    return "";
  }
}

function parseEnvelope(text: string, role: "host" | "guest"): Envelope | undefined {
  try {
    // Our own program wrote it, in this same process.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const envelope = decodeState(text) as Envelope;
    if (!isObject(envelope.state)) throw new NegotiatorError("INTERNAL", "It is not an object");
    return envelope.pid === process.pid && envelope.role === role ? envelope : undefined;
  } catch (thrown) {
    log.error(`The state of the program before cannot be read: ${NegotiatorError.from(thrown).message}`);
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
