/** The streams of one call, on either side of it. */
import { NegotiatorError } from "../../errors.ts";
import type { CallId, Message, StreamTotals } from "../message.ts";
import { saying } from "../session/outbox.ts";
import type { Outlet, Sender } from "../session/outbox.ts";
import { createReader } from "./stream-reader.ts";
import type { ReaderEnd, StreamReader } from "./stream-reader.ts";
import { createWriter } from "./stream-writer.ts";
import type { StreamWriter, WriterEnd } from "./stream-writer.ts";

export type StreamMessage = Extract<Message, { kind: "data" | "end" | "credit" | "stop" }>;

export type CallStreams = {
  readonly isDone: boolean;
  readonly readers: ReadonlyMap<string, ReaderEnd>;
  readonly writers: ReadonlyMap<string, WriterEnd>;
  /** Throw `UNSUPPORTED` when the call has no such stream. */
  readonly reader: (name: string) => StreamReader;
  readonly writer: (name: string) => StreamWriter;
  /** Returns what the peer did wrong, if anything. */
  readonly take: (message: StreamMessage) => NegotiatorError | undefined;
  /** The other side has answered: no more is read there, and what is read here has these totals. */
  finish(totals: StreamTotals): NegotiatorError | undefined;
  /** Tells the other side how much each reader takes. */
  announceCredit(): void;
  fail(error: NegotiatorError): void;
};

type StreamsOptions = {
  call: CallId;
  outlet: Outlet;
  /** Names of the streams read here, and the credit that each keeps open, in bytes. */
  read: Readonly<Record<string, number>>;
  /** Names of the streams written here, and the credit that each starts with. */
  write: Readonly<Record<string, number>>;
  onDone: () => void;
};

export function createCallStreams({ call, outlet, read, write, onDone }: StreamsOptions): CallStreams {
  const readers = new Map<string, ReaderEnd>();
  const writers = new Map<string, WriterEnd>();

  const isDone = (): boolean =>
    readers.values().every((end) => end.isDone) && writers.values().every((end) => end.isDone);
  const settle = (): void => {
    if (isDone()) onDone();
  };
  const tellCredit = (stream: string, end: ReaderEnd): void => {
    outlet.control(() => (end.isDone ? undefined : { kind: "credit", call, stream, limit: end.limit }), call);
  };

  for (const [stream, windowBytes] of Object.entries(read)) {
    const end: ReaderEnd = createReader({
      windowBytes,
      onCredit: () => tellCredit(stream, end),
      onCancel: () => outlet.control(saying({ kind: "stop", call, stream })),
      onDone: settle,
    });
    readers.set(stream, end);
  }
  for (const [stream, creditBytes] of Object.entries(write)) {
    const end: WriterEnd = createWriter({ creditBytes, onReady: () => outlet.ready(sender), onDone: settle });
    const sender: Sender = { call, stream, writer: end };
    writers.set(stream, end);
  }

  const streams: CallStreams = {
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
        if (end === undefined) return noStream(stream);
        return message.kind === "data" ? end.receive(message.offset, message.bytes) : end.finish(message);
      }
      const end = writers.get(stream);
      if (end === undefined) return noStream(stream);
      if (message.kind === "credit") end.credit(message.limit);
      else end.stop();
      return undefined;
    },
    finish(totals) {
      for (const end of writers.values()) end.stop();
      const flaws = [...readers].map(([name, end]) => end.finish(totals[name] ?? { bytes: endOf(end) }));
      return flaws.find((flaw) => flaw !== undefined);
    },
    announceCredit() {
      for (const [stream, end] of readers) tellCredit(stream, end);
    },
    fail(error) {
      for (const end of readers.values()) end.fail(error);
      for (const end of writers.values()) end.fail(error);
    },
  };
  return streams;
}

/** Where a stream stands whose total was not told. */
function endOf(end: ReaderEnd): number {
  return end.reader.bytes + end.reader.missedBytes;
}

function find<End>(ends: ReadonlyMap<string, End>, name: string): End {
  const end = ends.get(name);
  if (end === undefined) throw noStream(name);
  return end;
}

function noStream(name: string): NegotiatorError {
  return new NegotiatorError("UNSUPPORTED", `This call has no stream "${name}" in that direction`);
}
