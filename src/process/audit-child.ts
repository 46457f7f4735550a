/**
 * Writes the audit in another process. A file system can hold up a write for ever, and this process must not
 * wait for it.
 */
import type { LineEnd, Trail, TrailOptions } from "../audit/audit-trail.ts";
import { explainWriteFailure } from "../audit/failure.ts";
import { createLineSink } from "../audit/line-sink.ts";
import type { SinkLine } from "../audit/line-sink.ts";
import { NegotiatorError } from "../errors.ts";
import { isDiskFrozen, untilDiskThaws } from "../frozen-disk.ts";
import { shellWord } from "../shell-word.ts";
import { helperCommand } from "./ask-program.ts";
import { formatOrder, orderLine, parseProblem } from "./audit-order.ts";
import type { AuditSizes } from "./audit-order.ts";
import { OrderQueue } from "./order-queue.ts";
import type { FrozenOrders, Order } from "./order-queue.ts";
import { settlesWithin } from "./settling.ts";

/** Made by `createAuditChild`. Its trails share one helper, which ends after all of them are closed. */
export type AuditChild = {
  makeTrail: (options: TrailOptions) => Trail;
  /** After all trails are closed: resolves when their lines are in the files, or after a second. */
  ended: () => Promise<void>;
  /** Returns what has not been written, for `thaw` of the program that replaces this one. */
  freeze: () => FrozenOrders;
  /** Takes what the program before has not written. */
  thaw: (frozen: FrozenOrders) => void;
};

/** `isStrict`: calls wait longer for their lines, because they are refused without. */
export type AuditChildOptions = AuditSizes & {
  isStrict: boolean;
  onProblem: (problem: NegotiatorError) => void;
  /** Tests start another helper. */
  command?: readonly [string, ...string[]];
};

/** The time for which a call waits for its line. The helper's own start takes seconds on a slow machine. */
const LATE_MS = { usual: 50, start: 2000, strict: 5000 } as const;
const SYNC_MS = 5000;
const END_MS = 1000;
/** A file system that gives no answer for so long is a problem. */
const STUCK_MS = 2000;

/** Returns the child. Its helper starts with the first trail that is opened. */
export function createAuditChild(options: AuditChildOptions): AuditChild {
  const { maxBytes, keep, isStrict, onProblem } = options;
  const { command = helperCommand("audit", [JSON.stringify({ maxBytes, keep } satisfies AuditSizes)]) } =
    options;
  const queue = new OrderQueue(command, (text) => onProblem(parseProblem(text)));
  const trails: HelpedTrail[] = [];
  const lateMs = (): number => {
    if (isStrict) return LATE_MS.strict;
    return queue.hasAnswered ? LATE_MS.usual : LATE_MS.start;
  };
  return {
    makeTrail(trailOptions) {
      const onClose = (): void => void (trails.every(({ isClosed }) => isClosed()) && queue.end());
      const trail = createTrail(queue, trailOptions, { lateMs, onClose });
      trails.push(trail);
      return trail;
    },
    async ended() {
      if (await settlesWithin(queue.ended, END_MS)) return;
      queue.giveUp();
      for (const trail of trails) trail.reportLoss();
    },
    freeze: () => queue.freeze(),
    thaw(frozen) {
      try {
        queue.thaw(frozen);
      } catch (thrown) {
        onProblem(NegotiatorError.from(thrown));
      }
    },
  };
}

/** `reportLoss` reports what was lost after the close. */
type HelpedTrail = Trail & { isClosed: () => boolean; reportLoss: () => void };

function createTrail(
  queue: OrderQueue,
  { path, onProblem }: TrailOptions,
  { lateMs, onClose }: { lateMs: () => number; onClose: () => void },
): HelpedTrail {
  const reported = new Set<string>();
  let isClosed = false;
  let current: { line: SinkLine; isRefused: boolean; order?: Order } | undefined;

  const report = (thrown: unknown): void => {
    const problem =
      thrown instanceof NegotiatorError && thrown.code === "BUSY"
        ? doesNotAnswer(path)
        : explainWriteFailure(path, thrown);
    if (reported.has(problem.message)) return;
    reported.add(problem.message);
    onProblem(problem);
  };
  const attempt = (action: "open" | "reopen"): void => {
    try {
      queue.push(formatOrder({ do: action, path }));
    } catch (thrown) {
      report(thrown);
    }
  };
  const sink = createLineSink((lines, lost) => {
    if (isClosed) throw new NegotiatorError("CLOSED", `Cannot write the audit file "${path}": it was closed`);
    const { line, isRefused } = current ?? {};
    const about = line ?? { time: lost?.since ?? "" };
    const order = queue.push(orderLine(path, lines, about, isRefused === true), () => {
      if (isRefused !== true) sink.lose(about, lost);
    });
    if (current !== undefined) current.order = order;
  }, report);

  return {
    open: () => attempt("open"),
    write(line, isRefused = false) {
      current = { line, isRefused };
      const isTaken = sink.write(line, isRefused);
      const { order } = current;
      current = undefined;
      if (!isTaken || order === undefined) return false;
      if (isDiskFrozen()) return true;
      if (queue.stuckMs > STUCK_MS) report(doesNotAnswer(path));
      else reported.clear();
      return waitingLine(queue, order, lateMs);
    },
    async sync() {
      await untilDiskThaws();
      const done = queue.push(formatOrder({ do: "sync", path })).done();
      if (!(await settlesWithin(done, SYNC_MS))) throw doesNotAnswer(path);
      if (!(await done)) throw new NegotiatorError("INTERNAL", `Cannot sync the audit file "${path}"`);
    },
    reopen: () => attempt("reopen"),
    close(time) {
      if (isClosed) return;
      const loss = sink.end(time);
      if (loss !== undefined) onProblem(loss);
      isClosed = true;
      onClose();
    },
    isClosed: () => isClosed,
    reportLoss() {
      const loss = sink.end(new Date().toISOString());
      if (loss !== undefined) onProblem(loss);
    },
  };
}

/**
 * Returns what a call waits for: the answer to its line. The later it is asked for, the sooner it is there,
 * because the helper works meanwhile.
 */
function waitingLine(queue: OrderQueue, order: Order, lateMs: () => number): LineEnd {
  return {
    async wait() {
      const result = queue.look(order);
      if (result !== undefined) return result;
      const leftMs = lateMs() - queue.stuckMs;
      const done = order.done();
      return leftMs > 0 && (await settlesWithin(done, leftMs)) ? done : "late";
    },
  };
}

function doesNotAnswer(path: string): NegotiatorError {
  return new NegotiatorError(
    "BUSY",
    `Cannot write the audit file "${path}": its file system does not answer`,
    {
      remedy: `See where it is: findmnt -T ${shellWord(path)}`,
    },
  );
}
