/** Asking libvirt through its own client `virsh`: the words of a call, and what its complaints mean. */
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { FaultCode } from "../../errors.ts";
import { printable } from "../../printable.ts";

/** `environment` is added to the one the program gives its children. Output past `outputBytes` is an error. */
export type RunTextOptions = {
  timeoutMs: number;
  outputBytes: number;
  environment: Readonly<Record<string, string>>;
  signal: AbortSignal;
};

/**
 * Runs a program with nothing on its stdin and gives back what it wrote. Rejects with a `NegotiatorError` when the
 * deadline or the limit is passed, and with `NO_COMMAND` or an error of errno `ENOENT` when there is no such program.
 */
export type RunText = (
  argv: readonly string[],
  options: RunTextOptions,
) => Promise<{ exitCode: number | null; stdout: string; stderr: string }>;

/** Which libvirt is asked (a connection URI; libvirt's own default when absent), and how. */
export type VirshOptions = { connect?: string | undefined; runText: RunText; callTimeoutMs?: number };

/** virsh translates its messages and mangles names when the locale is not this one. */
export const VIRSH_ENVIRONMENT = { LC_ALL: "C" } as const;

const CALL_TIMEOUT_MS = 10_000;
/** A domain with a hundred disks has some 60 kB of XML; parsing a mebibyte takes about half a second. */
const OUTPUT_BYTES = 1 << 20;

/** The words of a call. Reading needs no more rights than the read-only connection gives. */
export function virshWords(connect: string | undefined, words: readonly string[]): string[] {
  const connection = connect === undefined ? [] : [`--connect=${connect}`];
  return ["virsh", "--quiet", "--readonly", ...connection, ...words];
}

/** What virsh printed, or undefined when it says that the domain is gone. Throws what `explainVirsh` makes of the rest. */
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
    throw explainStart(error);
  }
}

/** The UUIDs that `virsh list` prints with these words; a line that is none never becomes a word of another call. */
export async function listUuids(
  words: readonly string[],
  options: VirshOptions,
  signal: AbortSignal,
): Promise<string[]> {
  const text = (await askVirsh(["list", "--uuid", ...words], options, signal)) ?? "";
  const lines = text.split("\n").map((line) => line.trim());
  return lines.filter((line) => /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(line));
}

/** Whether the error concerns libvirt as a whole, so that every other call would meet it as well. */
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

/** Turns a failure to start virsh into `UNSUPPORTED` with what to do; other errors pass. */
export function explainStart(thrown: unknown): NegotiatorError {
  const error = NegotiatorError.from(thrown);
  if (error.code !== "NO_COMMAND" && errnoOf(thrown) !== "ENOENT") return error;
  const remedy =
    "Install it (package libvirt-clients or libvirt-client), or name the guests' sockets: --socket GUEST=PATH";
  return new NegotiatorError("UNSUPPORTED", 'Cannot ask libvirt for guests: there is no program "virsh"', {
    remedy,
    cause: thrown,
  });
}

/**
 * `DENIED`, `BAD_CONFIG` (the URI) or `NO_CHANNEL` (libvirt does not run) by virsh's words, which are those of libvirt's
 * `src/rpc/virnetsocket.c`, `src/remote/remote_driver.c` and `src/libvirt.c`; `INTERNAL` when libvirt answered but would
 * not tell.
 */
function explainVirsh(stderr: string, connect: string | undefined): NegotiatorError {
  const lines = stderr.split("\n").map((line) => line.replace(/^error: /, "").trim());
  const told = lines.filter((line) => line !== "" && line !== "failed to connect to the hypervisor");
  const reason = printable(told.join("; ").slice(0, 500)) || "virsh failed without a word";
  const where = connect === undefined ? "" : ` at "${printable(connect)}"`;
  if (!stderr.includes("failed to connect to the hypervisor")) {
    return new NegotiatorError("INTERNAL", `Cannot read what libvirt${where} knows: ${reason}`);
  }
  const { code, remedy } = COMPLAINTS.find(({ words }) => words.test(reason)) ?? UNKNOWN_COMPLAINT;
  return new NegotiatorError(code, `Cannot ask libvirt${where} for guests: ${reason}`, { remedy });
}

const UNKNOWN_COMPLAINT = { code: "NO_CHANNEL", remedy: "See what says: virsh uri" } as const;

const COMPLAINTS = [
  {
    words: /permission denied|authentication|access denied|polkit|system bus/i,
    code: "DENIED",
    remedy: "Run as root, or as a member of the group libvirt",
  },
  {
    words: /no connection driver|unexpected .* URI|URI path|unable to parse URI|invalid URI/i,
    code: "BAD_CONFIG",
    remedy: "Give a libvirt URI, for example: --connect qemu:///system",
  },
  {
    words: /failed to connect socket|unable to connect to server|no such file|connection refused/i,
    code: "NO_CHANNEL",
    remedy:
      'Start libvirt, for example with: systemctl start libvirtd (or virtqemud); where it is not used, set host.libvirt = "no"',
  },
] as const;
