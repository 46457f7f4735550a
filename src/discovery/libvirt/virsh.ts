/** Calls libvirt's client `virsh` and turns its failures into errors of ours. */
import { errnoOf, NegotiatorError } from "../../errors.ts";
import { virshAt } from "../attach-line.ts";
import { defaultUri } from "../default-uri.ts";
import type { FaultCode } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { RunText } from "../../process/run-text.ts";
import { shorten } from "../../shorten.ts";

/** Options for calls of virsh. `connect` is a connection URI; without it libvirt chooses one. */
export type VirshOptions = { connect?: string | undefined; runText: RunText; callTimeoutMs?: number };

/** Variables for every call: in another locale, virsh translates its messages and changes names. */
export const VIRSH_ENVIRONMENT = { LC_ALL: "C" } as const;

const CALL_TIMEOUT_MS = 10_000;
/** QEMU may have to answer for a change. */
const CHANGE_TIMEOUT_MS = 30_000;
/** A domain with a hundred disks has about 60 kB of XML; parsing a mebibyte takes about half a second. */
const OUTPUT_BYTES = 1 << 20;

/**
 * Returns the argv of a virsh call over a read-only connection, which has all the rights that reading needs.
 */
export function virshWords(connect: string | undefined, words: readonly string[]): string[] {
  return ["virsh", "--quiet", "--readonly", ...connection(connect), ...words];
}

function connection(connect: string | undefined): string[] {
  const uri = connect ?? defaultUri();
  return uri === undefined ? [] : [`--connect=${uri}`];
}

/**
 * Returns the stdout of a virsh call, undefined when the domain is gone. Throws `UNSUPPORTED` (no virsh, or
 * no driver for QEMU), `DENIED`, `BAD_CONFIG` (the URI), `NO_CHANNEL` (libvirt does not run), `INTERNAL`
 * (libvirt reports another error), or what `runText` throws.
 */
export async function askVirsh(
  words: readonly string[],
  options: VirshOptions,
  signal: AbortSignal,
): Promise<string | undefined> {
  const { connect, runText, callTimeoutMs = CALL_TIMEOUT_MS } = options;
  const limits = { timeoutMs: callTimeoutMs, outputBytes: OUTPUT_BYTES, environment: VIRSH_ENVIRONMENT };
  try {
    const { exitCode, stdout, stderr } = await runText(virshWords(connect, words), { ...limits, signal });
    if (exitCode === 0) return stdout;
    if (/failed to get domain|domain not found/i.test(stderr)) return undefined;
    throw explainVirsh(stderr, connect);
  } catch (error) {
    throw explainLate(explainStart(error), callTimeoutMs, connect);
  }
}

/**
 * Returns the stdout of several commands in one virsh call, without those that fail. The words must not need
 * quoting. Throws as `askVirsh` does if libvirt does not answer.
 */
export async function askVirshForAll(
  commands: readonly (readonly string[])[],
  options: VirshOptions,
  signal: AbortSignal,
): Promise<string> {
  const { connect, runText, callTimeoutMs = CALL_TIMEOUT_MS } = options;
  const limits = { timeoutMs: callTimeoutMs, outputBytes: 8 * OUTPUT_BYTES, environment: VIRSH_ENVIRONMENT };
  const argv = virshWords(connect, [commands.map((words) => words.join(" ")).join("; ")]);
  try {
    const { exitCode, stdout, stderr } = await runText(argv, { ...limits, signal });
    if (exitCode !== 0 && stderr.includes("failed to connect to the hypervisor"))
      throw explainVirsh(stderr, connect);
    return stdout;
  } catch (error) {
    throw explainLate(explainStart(error), callTimeoutMs, connect);
  }
}

/** A virsh call that changes a domain. `input` is its standard input, which it reads as `/dev/stdin`. */
export type VirshChange = { words: readonly string[]; input: string };

/**
 * Makes a change. Throws as `askVirsh` does; a refusal of libvirt is `INTERNAL` with libvirt's reason as its
 * message.
 */
export async function changeByVirsh(
  { words, input }: VirshChange,
  options: VirshOptions,
  signal: AbortSignal,
): Promise<void> {
  const { connect, runText, callTimeoutMs = CHANGE_TIMEOUT_MS } = options;
  const limits = { timeoutMs: callTimeoutMs, outputBytes: OUTPUT_BYTES, environment: VIRSH_ENVIRONMENT };
  const argv = ["virsh", "--quiet", ...connection(connect), ...words];
  try {
    const { exitCode, stderr } = await runText(argv, { ...limits, input, signal });
    if (exitCode !== 0) throw explainChange(stderr, connect);
  } catch (error) {
    throw explainLate(explainStart(error), callTimeoutMs, connect);
  }
}

function explainLate(
  error: NegotiatorError,
  timeoutMs: number,
  connect: string | undefined,
): NegotiatorError {
  if (error.code !== "TIMEOUT") return error;
  return new NegotiatorError("TIMEOUT", `libvirt does not answer within ${timeoutMs / 1000} s`, {
    remedy: `Look whether it answers: ${virshAt(connect)} list`,
    cause: error,
  });
}

/**
 * Returns the UUIDs that `virsh list` prints. It drops all other lines, so that none of them gets into
 * another call.
 */
export async function listUuids(
  words: readonly string[],
  options: VirshOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const text = (await askVirsh(["list", "--uuid", ...words], options, signal)) ?? "";
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(line));
}

/** Returns whether every other call to libvirt would fail with the same error. */
export function isGeneralFailure(error: NegotiatorError): boolean {
  return GENERAL_FAULTS.has(error.code);
}

const GENERAL_FAULTS: ReadonlySet<FaultCode> = new Set<FaultCode>([
  "UNSUPPORTED",
  "BAD_CONFIG",
  "DENIED",
  "NO_CHANNEL",
  "CANCELLED",
]);

/** Returns `UNSUPPORTED` with a remedy when virsh is missing; otherwise the same error, as ours. */
export function explainStart(thrown: unknown): NegotiatorError {
  const error = NegotiatorError.from(thrown);
  if (error.code !== "NO_COMMAND" && errnoOf(thrown) !== "ENOENT") return error;
  const remedy =
    "Install the package libvirt-clients (or libvirt-client), or name the sockets: --socket GUEST=PATH";
  return new NegotiatorError("UNSUPPORTED", 'Cannot ask libvirt for guests: there is no program "virsh"', {
    remedy,
    cause: thrown,
  });
}

/** Characters of virsh's messages in an error of ours. */
const REASON_LENGTH = 500;

function reasonOf(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.replace(/^error: /, "").trim());
  const reasons = lines.filter((line) => line !== "" && !GENERAL_LINE.test(line));
  return printable(shorten(reasons.join("; "), REASON_LENGTH)) || "virsh failed without a message";
}

/** These lines of virsh say only that the next one is the reason. */
const GENERAL_LINE = /^failed to connect to the hypervisor$|^Failed to (?:attach|detach) device from /;

function explainChange(stderr: string, connect: string | undefined): NegotiatorError {
  if (stderr.includes("failed to connect to the hypervisor")) return explainVirsh(stderr, connect);
  return new NegotiatorError("INTERNAL", reasonOf(stderr));
}

function explainVirsh(stderr: string, connect: string | undefined): NegotiatorError {
  const reason = reasonOf(stderr);
  const where = connect === undefined ? "" : ` at "${printable(connect)}"`;
  if (!stderr.includes("failed to connect to the hypervisor")) {
    return new NegotiatorError("INTERNAL", `libvirt${where} cannot answer: ${reason}`);
  }
  const { code, remedy } = COMPLAINTS.find(({ words }) => words.test(reason)) ?? UNKNOWN_COMPLAINT;
  const scheme = /^[a-z]+/i.exec(connect ?? "qemu")?.[0] ?? "";
  return new NegotiatorError(code, `Cannot ask libvirt${where} for guests: ${reason}`, {
    remedy: SCHEMES.has(scheme) ? remedy : GIVE_URI,
  });
}

const GIVE_URI = "Give a libvirt URI, for example: --connect qemu:///system";

/** The end of a remedy, for command lines other than that of `doctor`. */
export const ASK_DOCTOR = " If that fails: negotiator host doctor";

const ADD_DRIVER =
  "Install its driver for QEMU (Debian: apt-get install libvirt-daemon-driver-qemu; Fedora: dnf install " +
  "libvirt-daemon-driver-qemu), and restart libvirt";

/** The drivers of libvirt for machines that can have our ports, and its driver for tests. */
const SCHEMES: ReadonlySet<string> = new Set(["qemu", "test"]);

const UNKNOWN_COMPLAINT = { code: "NO_CHANNEL", remedy: "Check the connection: virsh uri" } as const;

/**
 * Source of the words: libvirt's `src/rpc/virnetsocket.c`, `src/remote/remote_driver.c` and `src/libvirt.c`.
 */
const COMPLAINTS = [
  {
    words: /permission denied|authentication|access denied|polkit|system bus/i,
    code: "DENIED",
    remedy: "Run as root, or as a member of the group libvirt",
  },
  // The scheme is right, so the driver is not installed. `<null>`: libvirt itself should choose one.
  { words: /no connection driver available for (?:<null>|qemu)/i, code: "UNSUPPORTED", remedy: ADD_DRIVER },
  {
    words: /no connection driver|unexpected .* URI|URI path|unable to parse URI|invalid URI/i,
    code: "BAD_CONFIG",
    remedy: GIVE_URI,
  },
  {
    words: /failed to connect socket|unable to connect to server|no such file|connection refused/i,
    code: "NO_CHANNEL",
    remedy:
      `Start libvirt: systemctl start libvirtd (or virtqemud).${ASK_DOCTOR}\n` +
      'If this host does not use it, set host.libvirt = "no"',
  },
] as const;
