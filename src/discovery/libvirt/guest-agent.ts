/**
 * Passes requests to a guest's QEMU guest agent through virsh, because libvirt holds the agent's socket. The
 * request goes to virsh by its standard input: other users see the arguments of a process, and an argument
 * has at most 128 KiB.
 */
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import type { RunText } from "../../process/run-text.ts";
import { shorten } from "../../shorten.ts";
import { virshAt } from "../attach-line.ts";
import { explainStart, VIRSH_ENVIRONMENT } from "./virsh.ts";

/** The domain whose agent is asked. `connect` is the URI of libvirt, if one was set. */
export type GuestAgentOptions = { uuid: string; connect?: string | undefined; runText: RunText };

/** libvirt waits five seconds for the agent to synchronise, and then so long for its answer. */
const ANSWER_SECONDS = 25;
const CALL_TIMEOUT_MS = 35_000;
/** libvirt carries an answer of at most 4 MiB. */
const OUTPUT_BYTES = 6 * 1024 * 1024;
/** virsh reads its standard input as a terminal's: it must not keep a history, or settings of a user. */
const QUIET_TERMINAL = { TERM: "dumb", INPUTRC: "/dev/null", VIRSH_HISTSIZE: "0" } as const;

/**
 * Resolves with the agent's answer, a JSON object in one line, also for an error that the agent reports.
 * Rejects with `NO_CHANNEL` if no agent answers, with `DENIED` without the right to ask, and as `runText`
 * does.
 */
export async function askGuestAgent(
  request: string,
  { uuid, connect, runText }: GuestAgentOptions,
  signal: AbortSignal,
): Promise<string> {
  const connection = connect === undefined ? [] : [`--connect=${connect}`];
  const line = `qemu-agent-command --timeout ${ANSWER_SECONDS} ${uuid} ${quote(request)}\n`;
  const { stdout, stderr } = await runText(["virsh", "--quiet", ...connection], {
    timeoutMs: CALL_TIMEOUT_MS,
    outputBytes: OUTPUT_BYTES,
    environment: { ...VIRSH_ENVIRONMENT, ...QUIET_TERMINAL },
    input: line,
    signal,
  }).catch((thrown: unknown) => {
    throw explainStart(thrown);
  });
  const answer = stdout.split(/[\r\n]/).findLast((text) => text.startsWith("{"));
  const error = /^error: (.*)/m.exec(stderr)?.[1];
  if (error === undefined && answer !== undefined) return answer;
  return readReported(error ?? "") ?? fail(error ?? "virsh has no answer", connect, uuid);
}

/** virsh takes a text in single quotes as it is. */
function quote(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}

/**
 * Returns the answer of an agent that has reported an error, which libvirt puts into its own words.
 * Source: libvirt's `src/qemu/qemu_agent.c`.
 */
function readReported(error: string): string | undefined {
  const [, desc] = /unable to execute QEMU agent command '[^']*': (.*)/.exec(error) ?? [];
  if (desc === undefined) return undefined;
  const isUnknown = / has not been found| has been disabled/.test(desc);
  return JSON.stringify({ error: { class: isUnknown ? "CommandNotFound" : "GenericError", desc } });
}

const REASON_LENGTH = 300;

function fail(error: string, connect: string | undefined, uuid: string): never {
  const reason = printable(shorten(error.trim(), REASON_LENGTH));
  const isDenied = /permission denied|access denied|read.only|polkit/i.test(error);
  throw new NegotiatorError(
    isDenied ? "DENIED" : "NO_CHANNEL",
    `Cannot ask the guest's QEMU guest agent: ${reason}`,
    {
      remedy: isDenied
        ? "Run as root, or as a member of the group libvirt"
        : `Look at it in the guest: systemctl status qemu-guest-agent\n` +
          `Ask it by hand: ${virshAt(connect)} qemu-agent-command ${uuid} '{"execute":"guest-ping"}'`,
    },
  );
}
