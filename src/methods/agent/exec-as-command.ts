/** `guest-exec` of a program that is one of our commands: it runs as that command. */
import { basename, dirname } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { NOWHERE } from "../../process/pump.ts";
import type { ByteSink } from "../../process/pump.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";
import type { StreamReader } from "../../wire/calls/stream-reader.ts";
import type { StreamWriter } from "../../wire/calls/stream-writer.ts";
import type { Serve } from "../serve.ts";
import { invalid, readArguments } from "./agent-arguments.ts";
import { captureOf, endRecord, EXEC_ARGUMENTS, prepareRecord } from "./exec.ts";
import type { ExecRecords, SharedMemory } from "./exec-records.ts";

/** Options of the way to our commands. */
export type ExecAsCommandOptions = {
  /** Where a call of `execute` goes: through policy and audit as from the host. */
  serve: Serve;
  records: ExecRecords;
  memory: SharedMemory;
  /** Resolves with the names of our commands. */
  names: () => Promise<ReadonlySet<string>>;
  /** Returns the directories that they are in. */
  directories: () => readonly string[];
  /** Returns a number that is not a process id. */
  nextNumber: () => number;
  makeId: () => string;
  /** Makes a stream to read from bytes. */
  readBytes: (bytes: Uint8Array) => StreamReader;
};

/** Returns the name of the command that a call of `guest-exec` means; undefined for any other program. */
export async function findCommandName(
  { params }: Pick<IncomingCall, "params">,
  { names, directories }: Pick<ExecAsCommandOptions, "names" | "directories">,
): Promise<string | undefined> {
  const { path } = isJsonObject(params) ? params : {};
  if (typeof path !== "string") return undefined;
  const name = basename(path);
  // The names take longer to find out than most programs take to start.
  if (path !== name && !directories().includes(dirname(path))) return undefined;
  return (await names()).has(name) ? name : undefined;
}

/** Runs the command, and answers the call with a number for `guest-exec-status` once it runs. */
export function execAsCommand(call: IncomingCall, name: string, options: ExecAsCommandOptions): void {
  const { serve, nextNumber, makeId, readBytes } = options;
  try {
    const given = readArguments(EXEC_ARGUMENTS, isJsonObject(call.params) ? call.params : {});
    const { arg = [], env, "input-data": input, "capture-output": capture } = given;
    if (env !== undefined) throw invalid(`Invalid parameter 'env': ${name} has its own environment`);
    const { place, held, record } = prepareRecord(options, { input, capture: captureOf(capture) });
    const { output } = record;
    const number = nextNumber();
    let isStarted = false;
    const started = (): void => {
      if (isStarted) return;
      isStarted = true;
      place.keep(number, record);
      call.respond({ pid: number });
    };
    const sinks: Readonly<Record<string, ByteSink | null>> = { stdout: output.stdout, stderr: output.stderr };
    serve.call({
      id: makeId(),
      method: "execute",
      params: { command: name, args: arg },
      timeoutMs: undefined,
      isDetached: false,
      signal: new AbortController().signal,
      streams: { read: input === undefined ? [] : ["stdin"], written: ["stdout", "stderr"] },
      reader: () => readBytes(input ?? new Uint8Array(0)),
      writer: (stream) => createWriter(sinks[stream] ?? NOWHERE, started),
      beginAt: () => {
        throw new NegotiatorError("UNSUPPORTED", "The input of this caller begins at its first byte");
      },
      send: () => undefined,
      // A command listens for signals as soon as it runs.
      listen: started,
      listCalls: () => [],
      respond(result) {
        held[Symbol.dispose]();
        endRecord(record, readEnd(result));
        started();
      },
      fail(error) {
        held[Symbol.dispose]();
        endRecord(record, { exitCode: null, signal: null });
        if (isStarted) return;
        place[Symbol.dispose]();
        output.drop();
        isStarted = true;
        call.fail(error);
      },
    });
  } catch (thrown) {
    call.fail(NegotiatorError.from(thrown));
  }
}

function createWriter(sink: ByteSink, started: () => void): StreamWriter {
  return {
    async write(bytes) {
      started();
      await sink.write(bytes);
    },
    end: () => undefined,
    sentBytes: 0,
  };
}

function readEnd(result: unknown): { exitCode: number | null; signal: string | null } {
  const { exitCode, signal } = isJsonObject(result) ? result : {};
  return {
    exitCode: typeof exitCode === "number" ? exitCode : null,
    signal: typeof signal === "string" ? signal : null,
  };
}
