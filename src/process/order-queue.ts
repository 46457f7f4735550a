/**
 * Hands orders to a helper of this program, one after the other, and gets its answers in the same order. The
 * helper may hang for ever in a file system; this process goes on meanwhile.
 */
import { NegotiatorError } from "../errors.ts";
import { isDiskFrozen, untilDiskThaws } from "../frozen-disk.ts";
import { EVENTS } from "./descriptor-watch.ts";
import { pollNow, readInto, writeFrom } from "./libc.ts";
import { ANSWERS } from "./order-answers.ts";
import { adoptHelper, freezeHelper, releaseHelper, startHelper } from "./order-process.ts";
import type { HelperFacts, OrderHelper } from "./order-process.ts";

/** An order that was taken. `result` is the helper's answer, once it was read. `done` waits for it. */
export type Order = { readonly result: boolean | undefined; done: () => Promise<boolean> };

/** All orders together that wait. */
const MOST_BYTES = 1024 * 1024;
const LOOK_MS = 1;
const MOST_LOOKS = 2;
/** An answer that nothing waits for is read so late: a watch costs more than most orders. */
const UNREAD_MS = 10;
const FREEZE_MS = 50;
/** A helper that ends before its first answer is not started again for so long. */
const RETRY_MS = 1000;
/** So long a helper of the program before is used. */
const RENEW_MS = 5000;
const ROOM_BYTES = 65_536;

type Waiting = Order & {
  text: string;
  bytes: Uint8Array;
  settle: (result: boolean) => void;
  onLost: (() => void) | undefined;
};

/**
 * The orders without answers, and the helper if all are answered, of the program that this one replaces.
 * `cmd` has started the helper.
 */
export type FrozenOrders = { orders: string[]; helper?: HelperFacts & { cmd: string[] } };

/** Orders that wait for their answers. A helper that ends is started again. */
export class OrderQueue {
  readonly #cmd: readonly string[];
  readonly #onReport: (text: string) => void;
  readonly #waiting: Waiting[] = [];
  #waitingBytes = 0;
  /** Those whose answers something waits for. */
  readonly #awaited = new Set<Order>();
  #helper: OrderHelper | undefined;
  #hasAnswered = false;
  #retryAtMs = 0;
  #progressMs = 0;
  #isEnding = false;
  #isAwaitingThaw = false;
  readonly #ended = Promise.withResolvers<void>();

  /** `cmd` starts the helper. `onReport` gets the texts that it reports. */
  constructor(cmd: readonly string[], onReport: (text: string) => void) {
    this.#cmd = cmd;
    this.#onReport = onReport;
  }

  /**
   * Takes what the program before has left. Its helper works for a few seconds more, because a new one takes
   * longer to start than calls should wait. Throws as `push` does. Tests pass another time for the helper.
   */
  thaw({ orders, helper }: FrozenOrders, renewMs = RENEW_MS): void {
    if (helper !== undefined) this.#adopt(helper, renewMs);
    for (const order of orders) this.push(order);
  }

  /**
   * Takes an order, one line of text. Throws `BUSY` if too many wait, or if the helper does not start.
   * `onLost` is called if it was taken and could not be handed over.
   */
  push(text: string, onLost?: () => void): Order {
    const bytes = new TextEncoder().encode(`${text}\n`);
    if (this.#waitingBytes + bytes.length > MOST_BYTES)
      throw new NegotiatorError("BUSY", "its file system does not answer");
    if (this.#helper !== undefined && this.#waiting.length > 0) this.#collect(this.#helper);
    this.#needHelper();
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const order: Waiting & { result: boolean | undefined } = {
      text,
      bytes,
      done: () => {
        if (order.result === undefined) this.#awaited.add(order);
        this.#listen();
        return promise;
      },
      result: undefined,
      onLost,
      settle: (result) => {
        order.result = result;
        this.#awaited.delete(order);
        resolve(result);
      },
    };
    if (this.#waiting.length === 0) this.#progressMs = performance.now();
    this.#waiting.push(order);
    this.#waitingBytes += bytes.length;
    this.#send();
    return order;
  }

  /** Returns the answer. Waits a millisecond for it, and for one before it. */
  look(order: Order): boolean | undefined {
    for (let left = MOST_LOOKS; left > 0 && order.result === undefined; left--) {
      const own = this.#helper;
      if (own?.hasAnswered !== true || this.#waiting.length > left) break;
      if (pollNow(own.outFd, EVENTS.IN, LOOK_MS) === 0) break;
      this.#collect(own);
    }
    return order.result;
  }

  /** Whether the helper has ever answered. Its start takes longer than an answer. */
  get hasAnswered(): boolean {
    return this.#hasAnswered;
  }

  /** The milliseconds for which orders have waited without any answer; 0 while none waits. */
  get stuckMs(): number {
    return this.#waiting.length === 0 || isDiskFrozen() ? 0 : performance.now() - this.#progressMs;
  }

  /** Ends the helper after its last order. `ended` resolves then. */
  end(): void {
    this.#isEnding = true;
    if (this.#waiting.length === 0) this.#leave();
    else this.#listen();
  }

  /** Resolves when the last order has its answer. */
  get ended(): Promise<void> {
    return this.#ended.promise;
  }

  /** Counts all orders that wait as lost, and leaves the helper. It may still carry out some. */
  giveUp(): void {
    this.#loseAll();
    this.#leave();
  }

  /**
   * Returns the orders that have no answer, for the program that replaces this one, or else the helper. The
   * helper is killed if there are some: it must not carry them out too.
   */
  freeze(): FrozenOrders {
    const endMs = performance.now() + FREEZE_MS;
    for (let own = this.#helper; own !== undefined && performance.now() < endMs; own = this.#helper) {
      if (this.#waiting.length === 0 || isDiskFrozen()) break;
      this.#send();
      if (pollNow(own.outFd, EVENTS.IN, LOOK_MS) !== 0) this.#collect(own);
    }
    const own = this.#helper;
    const orders = this.#waiting.map(({ text }) => text);
    if (own !== undefined && orders.length > 0) process.kill(own.pid, "SIGKILL");
    else if (own?.hasAnswered === true)
      return { orders, helper: { ...freezeHelper(own), cmd: [...this.#cmd] } };
    return { orders };
  }

  #adopt({ cmd, ...facts }: NonNullable<FrozenOrders["helper"]>, renewMs: number): void {
    const own = adoptHelper(facts, (pid) => this.#replace(pid));
    if (cmd.join("\n") !== this.#cmd.join("\n")) return releaseHelper(own);
    this.#helper = own;
    this.#hasAnswered = true;
    this.#renewLater(own, renewMs);
  }

  /** A helper of the program before is replaced by one of this program, at a time without orders. */
  #renewLater(own: OrderHelper, ms: number): void {
    const renew = (): void => {
      if (this.#helper !== own || this.#isEnding) return;
      if (this.#waiting.length > 0 || isDiskFrozen()) return this.#renewLater(own, ms);
      releaseHelper(own);
      this.#helper = undefined;
      this.#hasAnswered = false;
      try {
        this.#needHelper();
      } catch {
        // The next order tries it again.
      }
    };
    setTimeout(renew, ms).unref();
  }

  #needHelper(): void {
    if (this.#helper !== undefined) return;
    if (performance.now() < this.#retryAtMs) throw new NegotiatorError("BUSY", "the helper does not start");
    this.#retryAtMs = performance.now() + RETRY_MS;
    this.#helper = startHelper(this.#cmd, MOST_BYTES, (pid) => this.#replace(pid));
  }

  #send(): void {
    const own = this.#helper;
    if (own === undefined) return;
    if (isDiskFrozen()) return void this.#sendAfterThaw();
    for (let next = this.#waiting[own.sent]; next !== undefined; next = this.#waiting[own.sent]) {
      const count = writeFrom(own.inFd, next.bytes, own.sentBytes);
      if (count <= 0) return void this.#sendLater(own);
      own.sentBytes += count;
      if (own.sentBytes < next.bytes.length) continue;
      own.sent++;
      own.sentBytes = 0;
    }
    this.#listenLater(own);
  }

  async #sendLater(own: OrderHelper): Promise<void> {
    this.#listen();
    if (own.isWaitingForRoom) return;
    own.isWaitingForRoom = true;
    await own.room.changed(EVENTS.OUT);
    own.isWaitingForRoom = false;
    if (!own.room.isClosed) this.#send();
  }

  async #sendAfterThaw(): Promise<void> {
    if (this.#isAwaitingThaw) return;
    this.#isAwaitingThaw = true;
    await untilDiskThaws();
    this.#isAwaitingThaw = false;
    this.#progressMs = performance.now();
    this.#send();
  }

  /** Reads answers later. A helper that has not answered by then is watched. */
  #listenLater(own: OrderHelper): void {
    if (own.isListening) return;
    own.reading ??= setTimeout(() => {
      own.reading = undefined;
      const [first] = this.#waiting;
      this.#collect(own);
      if (this.#helper !== own || this.#waiting.length === 0) return;
      if (this.#waiting[0] === first) this.#listen();
      else this.#listenLater(own);
    }, UNREAD_MS);
  }

  #listen(): void {
    if (this.#helper !== undefined) void this.#listenTo(this.#helper);
  }

  async #listenTo(own: OrderHelper): Promise<void> {
    if (own.isListening) return;
    own.isListening = true;
    while (this.#waiting.length > 0 && !own.answers.isClosed) {
      await own.answers.changed(EVENTS.IN);
      if (!own.answers.isClosed) this.#collect(own);
      if (this.#awaited.size === 0 && !this.#isEnding) break;
    }
    own.isListening = false;
    if (this.#waiting.length > 0 && !own.answers.isClosed) this.#listenLater(own);
  }

  #collect(own: OrderHelper): void {
    for (let count = room.length; count === room.length;) {
      count = Math.max(readInto(own.outFd, room), 0);
      const lines = (own.partial + Buffer.from(room.subarray(0, count)).toString()).split("\n");
      own.partial = lines.pop() ?? "";
      for (const line of lines) this.#take(own, line);
    }
    if (this.#isEnding && this.#waiting.length === 0) this.#leave();
  }

  #take(own: OrderHelper, line: string): void {
    if (line.startsWith(ANSWERS.report)) return this.#onReport(line.slice(1));
    own.hasAnswered = true;
    this.#hasAnswered = true;
    own.sent--;
    this.#progressMs = performance.now();
    this.#settleFirst(line === ANSWERS.done);
  }

  #settleFirst(result: boolean): Waiting | undefined {
    const order = this.#waiting.shift();
    if (order === undefined) return undefined;
    this.#waitingBytes -= order.bytes.length;
    order.settle(result);
    return order;
  }

  /** The helper has ended. */
  #replace(pid: number): void {
    const own = this.#helper;
    if (own?.pid !== pid) return;
    this.#collect(own);
    if (this.#helper === own) releaseHelper(own);
    this.#helper = undefined;
    if (this.#waiting.length === 0) return;
    // An order that ends its helper must not start one after the other.
    if (own.hasAnswered) this.#retryAtMs = 0;
    try {
      this.#needHelper();
      this.#send();
    } catch {
      this.#loseAll();
      if (this.#isEnding) this.#leave();
    }
  }

  #loseAll(): void {
    while (this.#waiting.length > 0) this.#settleFirst(false)?.onLost?.();
  }

  /** The helper ends at the end of its input. */
  #leave(): void {
    if (this.#helper !== undefined) releaseHelper(this.#helper);
    this.#helper = undefined;
    this.#ended.resolve();
  }
}

const room = new Uint8Array(ROOM_BYTES);
