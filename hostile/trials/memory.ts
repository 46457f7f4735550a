/** Trials of the memory: many guests together. */
import { readPeak, resetPeak } from "../../bench/process-figures.ts";
import { startTrialHost } from "../trial-host.ts";
import type { Trial, TrialStage, TrialEnd } from "../trial.ts";

const FRAME_BYTES = 16 * 1024 * 1024 - 64;
const PIECE_BYTES = 256 * 1024;
const GROWTH_MB = 150;
/** A question of another guest is answered meanwhile. */
const ANSWER_MS = 5000;

/** The trials by name. */
export const MEMORY_TRIALS = {
  "unfinished-frames": {
    what: "40 guests send 16 MiB of a message, and never its end",
    success: "the daemon grows by 150 MB or more, or another guest gets no answer",
    run: (stage) => sendUnfinished(stage, 40),
  },
  "unfinished-frames-200": {
    what: "200 guests send 16 MiB of a message, and never its end",
    success: "the daemon grows by 150 MB or more, or another guest gets no answer",
    run: (stage) => sendUnfinished(stage, 200),
  },
} as const satisfies Record<string, Trial>;

async function sendUnfinished(stage: TrialStage, count: number): Promise<TrialEnd> {
  const names = ["good", ...Array.from({ length: count }, (_, index) => `evil-${index}`)];
  const { host, guests } = await startTrialHost(stage, names);
  const [good, ...evil] = guests;
  await good?.call("list_commands");
  const { pid } = host.daemon;
  const beforeMb = ((await resetPeak(pid)) * 1024) / 1e6;
  const piece = "a".repeat(PIECE_BYTES);
  await Promise.all(
    evil.map(async (guest) => {
      await guest.send(`${FRAME_BYTES}\n{"method":"execute","args":["`);
      for (let sent = PIECE_BYTES; sent < FRAME_BYTES; sent += PIECE_BYTES) await guest.send(piece);
    }),
  );
  const isAnswered = await Promise.race([
    good?.call("list_commands").then(({ success }) => success),
    Bun.sleep(ANSWER_MS).then(() => false),
  ]);
  const peakMb = ((await readPeak(pid)) * 1024) / 1e6;
  const other = `the other guest ${isAnswered === true ? "got its answer" : "got none"}`;
  const figures = `${beforeMb.toFixed(0)} MB before, ${peakMb.toFixed(0)} MB at most; ${other}`;
  return { hasSucceeded: peakMb - beforeMb >= GROWTH_MB || isAnswered !== true, figures };
}
