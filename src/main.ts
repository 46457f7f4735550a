/** Owns the process: argv, the role, the exit code, and the last error message. */
import { readlinkSync } from "node:fs";
import { basename, dirname, resolve } from "node:path";
import { errnoOf, FAULTS, NegotiatorError } from "./errors.ts";
import { printable } from "./printable.ts";
import type { Outcome } from "./roles/cli/subcommand.ts";

const ROLES = ["host", "guest"] as const;
type Role = (typeof ROLES)[number];

/** Most links that are followed to find the role in a name. */
const LINK_DEPTH = 16;

async function start(): Promise<void> {
  process.stdout.on("error", reportLostOutput);
  // A closed stderr must not end the program.
  process.stderr.on("error", () => undefined);
  try {
    const { exitCode, error, signal } = await dispatch(process.argv0, process.argv.slice(2));
    if (error !== undefined) await report(error);
    process.exitCode ||= exitCode;
    // A shell leaves its loop only when the program was ended by the same signal as the shell got.
    if (signal !== undefined) (await import("./process/run.ts")).signalSelf(signal);
  } catch (thrown) {
    const error = NegotiatorError.from(thrown);
    await report(error);
    process.exitCode = error.code === "BAD_USAGE" ? FAULTS.BAD_USAGE.exitCode : 1;
  }
}

async function report(error: NegotiatorError): Promise<void> {
  const lines = error.message.split("\n").map(printable);
  process.stderr.write(`negotiator: ${lines.join("\n")}\n`);
  if (error.code === "INTERNAL") await logStack(error.cause);
}

async function logStack(thrown: unknown): Promise<void> {
  const { logFor } = await import("./log.ts");
  if (thrown instanceof Error && thrown.stack !== undefined) logFor("main").debug(thrown.stack);
}

/** A reader such as `head` may close our stdout early. A full disk is an error. */
function reportLostOutput(error: Error): void {
  if (errnoOf(error) === "EPIPE") return;
  process.stderr.write(`negotiator: Cannot write to stdout: ${printable(error.message)}\n`);
  process.exitCode = 1;
}

async function dispatch(calledAs: string, words: string[]): Promise<Outcome> {
  const named = roleOfName(calledAs);
  const [first, ...rest] = words;
  if (first === "--version" || first === "-V") return runBare(first);
  if (named !== undefined) return runRole(named, words);
  const role = ROLES.find((candidate) => candidate === first);
  if (role !== undefined) return runRole(role, rest);
  return runBare(first);
}

/** Loads only the code of the chosen role. */
async function runRole(role: Role, words: string[]): Promise<Outcome> {
  if (role === "host") return (await import("./roles/host/cli.ts")).runHost(words);
  return (await import("./roles/guest/cli.ts")).runGuest(words);
}

async function runBare(first: string | undefined): Promise<Outcome> {
  if (first === "--version" || first === "-V") {
    const { formatVersion } = await import("./version.ts");
    process.stdout.write(`${formatVersion()}\n`);
    return { exitCode: 0 };
  }
  if (first === "--help" || first === "-h") {
    process.stdout.write(HELP);
    return { exitCode: 0 };
  }
  const { usageError } = await import("./roles/cli/usage.ts");
  throw usageError("role or option", first, [...ROLES, "--help", "--version"], "negotiator --help");
}

/** Returns the role in a name such as `/usr/sbin/negotiator-host`, or in the name that a link leads to. */
function roleOfName(calledAs: string): Role | undefined {
  let path = calledAs.includes("/") ? calledAs : (Bun.which(calledAs) ?? calledAs);
  for (let depth = 0; depth < LINK_DEPTH; depth++) {
    const match = /^negotiator-(host|guest)(\.\w+)?$/.exec(basename(path));
    const role = ROLES.find((candidate) => candidate === match?.[1]);
    if (role !== undefined) return role;
    try {
      path = resolve(dirname(path), readlinkSync(path));
    } catch {
      return undefined;
    }
  }
  return undefined;
}

const HELP = `Run commands of KVM/QEMU guests from their host, and the host's from its guests,
over virtio-serial: no network, no keys.

Usage:
  negotiator host SUBCOMMAND [OPTION...]     on the hypervisor
  negotiator guest SUBCOMMAND [OPTION...]    in a guest
  negotiator --version | --help

Called as negotiator-host or negotiator-guest (a link will do), it takes the
role from its name.

Examples:
  negotiator host --help
  negotiator guest --help
  negotiator host print-config
`;

void start();
