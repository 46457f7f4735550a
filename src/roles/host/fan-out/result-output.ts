/** Where the output and the results of a fan-out go: prefixed lines, files, or JSON; and the summary. */
import { printable, printableJson } from "../../../printable.ts";
import { wantedPaint } from "../../cli/status-picture.ts";
import type { StatusLine } from "../../cli/status-line.ts";
import { isTerminal, terminalSize } from "../../cli/streams.ts";
import { PLAIN } from "../../cli/paint.ts";
import { createTerminalFilter } from "../../cli/terminal-filter.ts";
import type { TerminalFilter } from "../../cli/terminal-filter.ts";
import { createLineSink, createMemorySink } from "./guest-sink.ts";
import type { GuestSink, MemorySink } from "./guest-sink.ts";
import type { GuestResult } from "./guest-run.ts";
import type { OutputDirectory } from "./output-directory.ts";
import { createFileSink } from "./output-files.ts";
import type { FileSink } from "./output-files.ts";
import { formatSummary } from "./report.ts";

/** Takes the output and the results. */
export type ResultOutput = {
  /** Opens the sink of a guest. Rejects if its files cannot be written. */
  open(guest: string): Promise<GuestSink>;
  /** Takes the result of a guest. Resolves to false when our own reader is gone. */
  report(result: GuestResult): Promise<boolean>;
  /** Writes the summary. */
  summarize(results: readonly GuestResult[], elapsedMs: number): Promise<void>;
};

/** Options of the output. */
export type ResultOutputOptions = {
  statusLine: StatusLine;
  outputDirectory: OutputDirectory | undefined;
  isJson: boolean;
  isRaw: boolean;
  isQuiet: boolean;
};

/** Creates the output. */
export async function createResultOutput(options: ResultOutputOptions): Promise<ResultOutput> {
  const { statusLine, outputDirectory, isJson, isRaw, isQuiet } = options;
  const terminals = { stdout: await isTerminal("stdout"), stderr: await isTerminal("stderr") };
  const kept = new Map<string, Partial<MemorySink & FileSink>>();
  const filterFor = (stream: "stdout" | "stderr"): TerminalFilter =>
    terminals[stream] && !isRaw ? createTerminalFilter("lines") : UNFILTERED;

  const openSink = async (guest: string): Promise<GuestSink> => {
    if (outputDirectory !== undefined) {
      const sink = await createFileSink(outputDirectory, guest);
      kept.set(guest, sink);
      return sink;
    }
    if (isJson) {
      const sink = createMemorySink();
      kept.set(guest, sink);
      return sink;
    }
    const paint = terminals.stdout && terminals.stderr ? wantedPaint() : PLAIN;
    return createLineSink({
      prefix: paint(`${printable(guest)}:`, "cyan") + " ",
      filters: { stdout: filterFor("stdout"), stderr: filterFor("stderr") },
      write: (stream, bytes) => statusLine.write(stream, bytes),
    });
  };

  return {
    open: openSink,
    async report(result) {
      const sink = kept.get(result.guest);
      kept.delete(result.guest);
      return (
        !isJson || statusLine.write("stdout", `${formatJson(result, sink, outputDirectory !== undefined)}\n`)
      );
    },
    async summarize(results, elapsedMs) {
      if (isQuiet || isJson) return;
      const size = await terminalSize("stderr");
      const form = { width: size?.columns ?? Infinity, paint: size === undefined ? PLAIN : wantedPaint() };
      await statusLine.write("stderr", `${formatSummary(results, elapsedMs, form).join("\n")}\n`);
    },
  };
}

const UNFILTERED: TerminalFilter = { push: (bytes) => bytes, end: () => new Uint8Array() };

function formatJson(
  { guest, exitCode, signal, endedBy, durationMs, error }: GuestResult,
  sink: Partial<MemorySink & FileSink> | undefined,
  hasFiles: boolean,
): string {
  const { stdout, stderr } = sink?.texts?.() ?? { stdout: "", stderr: "" };
  const output = hasFiles
    ? { stdoutFile: sink?.paths?.stdout ?? null, stderrFile: sink?.paths?.stderr ?? null }
    : { stdout, stderr, isTruncated: sink?.isTruncated ?? false };
  const shown = error === undefined ? null : { code: error.code, message: error.message };
  return printableJson(
    JSON.stringify({ guest, exitCode, signal, endedBy, durationMs, ...output, error: shown }),
  );
}
