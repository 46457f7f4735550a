/** Measures the way to the other side and back, and compares its release and clock with ours. */
import { NegotiatorError } from "../../errors.ts";
import type { Info } from "../../methods/info.ts";
import { startCall } from "../../peers/call-time.ts";
import { infoOf } from "../../peers/remote-command.ts";
import { VERSION } from "../../version.ts";
import type { PeerConnection } from "../cli/peer-connection.ts";
import type { Found } from "./finding.ts";
import { fromError, ok, warning } from "./finding.ts";

/** `roundTripMs`: of one question. `offsetMs`: how much the other clock is ahead; undefined if unknown. */
export type PeerFacts =
  | { kind: "answers"; info: Info; roundTripMs: number; offsetMs: number | undefined }
  | { kind: "error"; error: NegotiatorError };

/** The first question may wake what sleeps, so the second is measured. */
const QUESTIONS = 2;
const ANSWER_MS = 5000;
const SLOW_MS = 500;
const CLOCK_MS = 2000;

/** Asks a peer about itself. Never rejects. */
export async function askPeer(connect: () => Promise<PeerConnection>): Promise<PeerFacts> {
  try {
    await using connection = await connect();
    let answered: PeerFacts | undefined;
    for (let question = 0; question < QUESTIONS; question++) {
      const startMs = performance.now();
      const start = Date.now();
      const time = startCall({ timeoutMs: ANSWER_MS, connectTimeoutMs: ANSWER_MS });
      const limits = { timeoutMs: time.left(), connectTimeoutMs: time.leftToConnect() };
      const info = await infoOf(connection.peer, limits);
      const roundTripMs = performance.now() - startMs;
      const offsetMs = info.timeMs === undefined ? undefined : info.timeMs - (start + roundTripMs / 2);
      answered = { kind: "answers", info, roundTripMs, offsetMs };
    }
    return answered ?? { kind: "error", error: new NegotiatorError("INTERNAL", "No question was asked") };
  } catch (thrown) {
    return { kind: "error", error: NegotiatorError.from(thrown) };
  }
}

/** Judges the answer. `other` is the other side, such as `the guest`; `here` is this one. */
export function judgePeer(facts: PeerFacts, { other, here }: { other: string; here: string }): Found[] {
  if (facts.kind === "error") return [judgeRefusal(facts.error, other)];
  const { info, roundTripMs, offsetMs } = facts;
  const found: Found[] = [];
  if (info.version !== VERSION)
    found.push(
      warning(
        `${other} has negotiator ${info.version}, and ${here} has ${VERSION}`,
        `Install the newer one there too, then: negotiator ${info.role} reexec`,
      ),
    );
  if (roundTripMs > SLOW_MS)
    found.push(
      warning(
        `a question to ${other} takes ${Math.round(roundTripMs)} ms`,
        "Look for a busy processor on both sides: top -b -n 1 | head -15",
      ),
    );
  if (offsetMs !== undefined && Math.abs(offsetMs) > CLOCK_MS + roundTripMs) {
    const ahead = offsetMs > 0 ? "ahead of" : "behind";
    found.push(
      warning(
        `the clock of ${other} is ${formatSeconds(Math.abs(offsetMs))} ${ahead} ours`,
        "Set both by a time server: timedatectl set-ntp true",
      ),
    );
  }
  const clock = offsetMs === undefined ? "" : `, clocks differ by ${formatSeconds(Math.abs(offsetMs))}`;
  const all = `${other} (${info.hostname}) answers in ${roundTripMs.toFixed(1)} ms${clock}`;
  return found.length > 0 ? [ok(all), ...found] : [ok(all)];
}

/** Without rights here nothing is known of the other side. A policy that forbids questions is a decision. */
function judgeRefusal(error: NegotiatorError, other: string): Found {
  if (error.code !== "DENIED") return fromError(error);
  if (error.message.startsWith("Cannot connect")) return fromError(error, "unknown");
  const [text = ""] = error.message.split("\n");
  return ok(`${other} answers, and tells nothing of itself (${text})`);
}

function formatSeconds(ms: number): string {
  return ms < 10_000 ? `${(ms / 1000).toFixed(2)} s` : `${Math.round(ms / 1000)} s`;
}
