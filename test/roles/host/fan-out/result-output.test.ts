/** Results and output of a fan-out as lines, JSON and files, on streams that are not terminals. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../../src/errors.ts";
import type { StatusLine } from "../../../../src/roles/cli/status-line.ts";
import { failedResult } from "../../../../src/roles/host/fan-out/guest-run.ts";
import { openOutputDirectory } from "../../../../src/roles/host/fan-out/output-directory.ts";
import { createResultOutput } from "../../../../src/roles/host/fan-out/result-output.ts";
import type { ResultOutput, ResultOutputOptions } from "../../../../src/roles/host/fan-out/result-output.ts";
import { createTemporaryDirectory } from "../../../support/temporary-directory.ts";

type Written = Record<"stdout" | "stderr", string>;

async function create(more: Partial<ResultOutputOptions> = {}, takes = true) {
  const written: Written = { stdout: "", stderr: "" };
  const statusLine: StatusLine = {
    show: () => undefined,
    write(stream, bytes) {
      written[stream] += typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
      return Promise.resolve(takes);
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const defaults = { statusLine, outputDirectory: undefined, isJson: false, isRaw: true, isQuiet: false };
  return { output: await createResultOutput({ ...defaults, ...more }), written };
}

async function feed(output: ResultOutput, guest: string): Promise<void> {
  const sink = await output.open(guest);
  await sink.write("stdout", Buffer.from("out\n"));
  await sink.write("stderr", Buffer.from("err\n"));
  await sink.end();
}

const OK = { guest: "web1", exitCode: 0, signal: null, endedBy: "command", durationMs: 5 } as const;
const SHOWN = { guest: "web1", exitCode: 0, signal: null, endedBy: "command", durationMs: 5 };

test("lines have the guest's name, a result writes nothing, and the summary goes to stderr", async () => {
  const { output, written } = await create();
  await feed(output, "a\u001b");
  expect(await output.report(OK)).toBe(true);
  expect(written).toEqual({ stdout: "a\\x1b: out\n", stderr: "a\\x1b: err\n" });
  await output.summarize([OK], 1000);
  expect(written.stderr).toEndWith("1 guest: 1 succeeded, 0 failed, in 1.0 s\n");
});

test("a quiet fan-out and one in JSON have no summary", async () => {
  for (const more of [{ isQuiet: true }, { isJson: true }]) {
    const { output, written } = await create(more);
    await output.summarize([OK], 1000);
    expect(written).toEqual({ stdout: "", stderr: "" });
  }
});

test("JSON has the output in the line of the result, once", async () => {
  const { output, written } = await create({ isJson: true });
  await feed(output, "web1");
  expect(written.stdout).toBe("");
  expect(await output.report(OK)).toBe(true);
  await output.report(OK);
  const [first = "", second = "", ...rest] = written.stdout.split("\n");
  const whole = { isTruncated: false, error: null };
  expect(JSON.parse(first)).toEqual({ ...SHOWN, stdout: "out\n", stderr: "err\n", ...whole });
  expect(JSON.parse(second)).toEqual({ ...SHOWN, stdout: "", stderr: "", ...whole });
  expect(rest).toEqual([""]);
});

test("JSON says that output was cut, and which error there was", async () => {
  const { output, written } = await create({ isJson: true });
  const sink = await output.open("web1");
  await sink.write("stdout", new Uint8Array(256 * 1024 + 1));
  await output.report(failedResult("web1", new NegotiatorError("DENIED", "no", { remedy: "Ask" })));
  const line: unknown = JSON.parse(written.stdout);
  expect(line).toMatchObject({ isTruncated: true, error: { code: "DENIED", message: "no\nAsk" } });
});

test("a result whose reader is gone says so", async () => {
  const { output } = await create({ isJson: true }, false);
  expect(await output.report(OK)).toBe(false);
});

test("with a directory the output is in its files, and JSON has their paths", async () => {
  await using directory = await createTemporaryDirectory();
  await using outputDirectory = await openOutputDirectory(directory.path);
  const { output, written } = await create({ outputDirectory, isJson: true });
  await feed(output, "web1");
  await output.report(OK);
  await output.report({ ...OK, guest: "absent" });
  const files = { stdoutFile: directory.at("web1.stdout"), stderrFile: directory.at("web1.stderr") };
  const [first = "", second = ""] = written.stdout.split("\n");
  expect(JSON.parse(first)).toEqual({ ...SHOWN, ...files, error: null });
  expect(JSON.parse(second)).toMatchObject({ guest: "absent", stdoutFile: null, stderrFile: null });
  expect(await Bun.file(files.stdoutFile).text()).toBe("out\n");
  expect(await Bun.file(files.stderrFile).text()).toBe("err\n");
});
