/** The streams of one call, on either side of it. */
import { NegotiatorError } from "../../errors.ts";
import type { CallId, StreamMessage, StreamTotals } from "../message.ts";
import { fixed } from "../session/outbox.ts";
import type { Outlet, Sender } from "../session/outbox.ts";
import type { WindowOptions } from "./receive-window.ts";
import { createReader } from "./stream-reader.ts";
import type { FrozenReader, ReaderEnd, StreamReader } from "./stream-reader.ts";
import { createWriter } from "./stream-writer.ts";
import type { FrozenWriter, StreamWriter, WriterEnd } from "./stream-writer.ts";

/** The readers and writers of a call, by stream name. */
export type CallStreams = {
  /** Whether all readers and writers are done. */
  readonly isDone: boolean;
  readonly readers: ReadonlyMap<string, ReaderEnd>;
  readonly writers: ReadonlyMap<string, WriterEnd>;
  /** Returns a reader. Throws `UNSUPPORTED` when the call has no such stream. */
  readonly reader: (name: string) => StreamReader;
  /** Returns a writer. Throws `UNSUPPORTED` when the call has no such stream. */
  readonly writer: (name: string) => StreamWriter;
  /** Takes a message of the peer. Returns the peer's violation, if there is one. */
  readonly take: (message: StreamMessage) => NegotiatorError | undefined;
  /** Starts the streams at these offsets. Returns the peer's violation, if there is one. */
  begin(offsets: Readonly<Record<string, number>>): NegotiatorError | undefined;
  /** The peer has answered: stops the writers and sets the readers' totals. Returns the peer's violation. */
  finish(totals: StreamTotals): NegotiatorError | undefined;
  /** Fails all readers and writers that are not done. */
  fail(error: NegotiatorError): void;
  /** Sends what frozen streams had to send. */
  resume(): void;
  freeze(): FrozenStreams;
};

/** Streams as plain data, by name. */
export type FrozenStreams = {
  readers: Record<string, FrozenReader>;
  writers: Record<string, FrozenWriter>;
};

type StreamsOptions = {
  call: CallId;
  outlet: Outlet;
  /** The streams that are read here. */
  read: readonly string[];
  window: WindowOptions;
  /** Whether the first credit of the readers goes out when they are read; else the peer has it already. */
  announcesCredit: boolean;
  /** The streams that are written here, each with its first credit in bytes. */
  write: Readonly<Record<string, number>>;
  /** Called when bytes of a stream had to give way, because all peers together held too much. */
  onGaveWay: (error: NegotiatorError) => void;
  /** Called when all streams are done; not for a call without streams. */
  onDone: () => void;
  frozen?: FrozenStreams | undefined;
};

/** Creates the streams of one call, or frozen ones again. */
export function createCallStreams(options: StreamsOptions): CallStreams {
  const { call, outlet, read, write, window, announcesCredit, onGaveWay, onDone, frozen } = options;
  const readers = new Map<string, ReaderEnd>();
  const writers = new Map<string, WriterEnd>();
  const senders = new Map<string, Sender>();

  const isDone = (): boolean =>
    readers.values().every((end) => end.isDone) && writers.values().every((end) => end.isDone);
  const settle = (): void => {
    if (isDone()) onDone();
  };
  const sendCredit = (stream: string): void =>
    outlet.control(() => {
      const end = readers.get(stream);
      return end === undefined || end.isDone ? undefined : { kind: "credit", call, stream, limit: end.limit };
    }, call);

  for (const stream of read) {
    const onCredit = (): void => sendCredit(stream);
    const onCancel = (): void => outlet.control(fixed({ kind: "stop", call, stream }));
    const start = announcesCredit ? { onStart: onCredit } : {};
    const given = { window, ...start, onCredit, onCancel, onGaveWay, onDone: settle };
    readers.set(stream, createReader({ ...given, frozen: frozen?.readers[stream] }));
  }
  for (const [stream, creditBytes] of Object.entries(write)) {
    const onReady = (): void => {
      const sender = senders.get(stream);
      if (sender !== undefined) outlet.ready(sender);
    };
    const writer = createWriter({ creditBytes, onReady, onDone: settle, frozen: frozen?.writers[stream] });
    writers.set(stream, writer);
    senders.set(stream, { call, stream, writer });
  }

  return {
    get isDone() {
      return isDone();
    },
    readers,
    writers,
    reader: (name) => find(readers, name).reader,
    writer: (name) => find(writers, name).writer,
    take(message) {
      const { stream } = message;
      if (message.kind === "data" || message.kind === "end") {
        const end = readers.get(stream);
        if (end === undefined) return noStream("BAD_FRAME", stream);
        return message.kind === "data" ? end.receive(message.offset, message.bytes) : end.end(message);
      }
      const end = writers.get(stream);
      if (end === undefined) return noStream("BAD_FRAME", stream);
      if (message.kind === "credit") end.credit(message.limit);
      else end.stop();
      return undefined;
    },
    begin(offsets) {
      for (const [name, offset] of Object.entries(offsets)) {
        const violation = readers.get(name)?.begin(offset);
        if (violation !== undefined) return violation;
        const writer = writers.get(name);
        if (writer !== undefined && writer.offset > 0) return beganBefore(name);
        writer?.begin(offset);
      }
      return undefined;
    },
    finish(totals) {
      for (const end of writers.values()) end.stop();
      const violations = [...readers].map(([name, end]) =>
        end.announce(totals[name] ?? { bytes: receivedEnd(end) }),
      );
      return violations.find((violation) => violation !== undefined);
    },
    fail(error) {
      for (const end of readers.values()) end.fail(error);
      for (const end of writers.values()) end.fail(error);
    },
    resume() {
      for (const sender of senders.values()) if (!sender.writer.isDone) outlet.ready(sender);
    },
    freeze: () => ({
      readers: Object.fromEntries([...readers].map(([name, end]) => [name, end.freeze()])),
      writers: Object.fromEntries([...writers].map(([name, end]) => [name, end.freeze()])),
    }),
  };
}

function beganBefore(name: string): NegotiatorError {
  return new NegotiatorError("BAD_FRAME", `Cannot begin the stream "${name}": bytes of it were sent already`);
}

/** A peer may leave out a stream's total, so the stream ends where it stands. */
function receivedEnd(end: ReaderEnd): number {
  return end.reader.bytes + end.reader.missedBytes;
}

function find<End>(ends: ReadonlyMap<string, End>, name: string): End {
  const end = ends.get(name);
  if (end === undefined) throw noStream("UNSUPPORTED", name);
  return end;
}

/**
 * Returns the error for a stream that a call does not have. A peer that names it breaks the protocol; a
 * method of ours cannot have it.
 */
export function noStream(code: "BAD_FRAME" | "UNSUPPORTED", name: string): NegotiatorError {
  return new NegotiatorError(code, `This call has no stream "${name}" in that direction`);
}
