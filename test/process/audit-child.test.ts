/** The audit of a daemon: another process writes it, and may hang. */
import { expect, test } from "bun:test";
import { openAudit } from "../../src/audit/audit.ts";
import type { AuditOptions } from "../../src/audit/audit.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import type { NegotiatorError } from "../../src/errors.ts";
import { createAuditChild } from "../../src/process/audit-child.ts";
import type { AuditChild } from "../../src/process/audit-child.ts";
import { readLines } from "../support/audit-lines.ts";
import { auditOptions, FINISHED } from "../support/audit-sample.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { rejectionOf } from "../support/error-of.ts";
import { withMoreTime } from "../support/more-time.ts";
import { until } from "../support/until.ts";

const { exitCode, signal, endedBy, bytes, durationMs, ...CALL } = FINISHED;
const END: AuditEntry = { ...CALL, exitCode, signal, endedBy, bytes, durationMs };
/** It takes no order and answers none. */
const HANGING = ["/bin/sh", "-c", "exec sleep 60"] as const;
/** It ends at the first order, without an answer. */
const ENDING = ["/bin/sh", "-c", "read -r line"] as const;
/** The most time of a thousand calls while the helper hangs. If each waited for it, it would be 50 s. */
const LONGEST_MS = 25_000;

type Opened = {
  audit: ReturnType<typeof openAudit>;
  child: AuditChild;
  problems: readonly NegotiatorError[];
};

function open(
  path: string,
  command?: readonly [string, ...string[]],
  more: Partial<AuditOptions> = {},
): Opened & AsyncDisposable {
  const [options, problems] = auditOptions(path, more);
  const { maxBytes, keep, onFull, onProblem } = options;
  const child = createAuditChild({
    maxBytes,
    keep,
    isStrict: onFull === "deny",
    onProblem,
    ...(command && { command }),
  });
  const audit = openAudit({ ...options, makeTrail: child.makeTrail });
  return {
    audit,
    child,
    problems,
    async [Symbol.asyncDispose]() {
      audit[Symbol.dispose]();
      await child.ended();
    },
  };
}

/** Writes a first line. On a busy machine the helper needs longer for its start than a call waits. */
async function writeFirst({ audit }: Opened, path: string): Promise<void> {
  audit.begin(CALL);
  await until("the helper has written a line", async () => (await readLines(path)).length === 1);
}

test("a start is in the file when its wait ends, and the end comes after it", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  // So the call waits for its line as long as it takes.
  await using opened = open(path, undefined, { onFull: "deny" });
  await writeFirst(opened, path);
  const begun = opened.audit.begin({ ...CALL, callId: "c-2" });
  await begun.synced?.();
  expect(await readLines(path)).toMatchObject([{ callId: "c-1" }, { event: "start", callId: "c-2" }]);
  opened.audit.record(END, begun);
  await until("the end is written", async () => (await readLines(path)).length === 3);
  expect(opened.problems).toEqual([]);
});

test("all lines are in the files once the audit has ended", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  {
    await using opened = open(path, undefined, { fsync: true });
    await writeFirst(opened, path);
    for (let call = 0; call < 100; call++) opened.audit.record(END, opened.audit.begin(CALL));
  }
  expect(await readLines(path)).toHaveLength(201);
});

test("a helper that hangs holds up no call, and its lines are counted beyond a megabyte", async () => {
  await using directory = await createTemporaryDirectory();
  const { audit, child, problems } = open(directory.at("audit.jsonl"), HANGING);
  await audit.begin(CALL).synced?.();
  const startMs = performance.now();
  const own = { ...CALL, args: ["x".repeat(4000)], direction: "outgoing", user: { uid: 0 } } as const;
  for (let call = 0; call < 1000; call++) await audit.begin(own).synced?.();
  expect(performance.now() - startMs).toBeLessThan(LONGEST_MS);
  expect(new Set(problems.map(({ code }) => code))).toEqual(new Set(["BUSY"]));
  audit[Symbol.dispose]();
  await child.ended();
  expect(problems.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/are lost: \d+ \("uptime" /),
  );
  child.freeze();
});

test("with onFull = deny a call is refused while the helper does not start", async () => {
  await using directory = await createTemporaryDirectory();
  await using opened = open(directory.at("audit.jsonl"), ENDING, { onFull: "deny" });
  const begin = async (): Promise<void> => opened.audit.begin(CALL).synced?.();
  expect(await rejectionOf(begin())).toMatchObject({ code: "BUSY" });
  expect(await rejectionOf(begin())).toMatchObject({ code: "BUSY" });
});

test("a helper that was killed is replaced, and its lines are written by the next one", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const pidFile = directory.at("pid");
  const main = new URL("../../src/main.ts", import.meta.url).pathname;
  const words = `exec ${process.execPath} ${main} --as-helper audit '{"maxBytes":1000000,"keep":2}'`;
  await using opened = open(path, ["/bin/sh", "-c", `echo $$ >${pidFile}; ${words}`]);
  const begun = opened.audit.begin(CALL);
  await until("the helper has written a line", async () => (await readLines(path)).length === 1);
  await begun.synced?.();
  process.kill(Number(await Bun.file(pidFile).text()), "SIGKILL");
  for (let call = 0; call < 5; call++) opened.audit.record(END);
  await until("the next one has written them", async () => (await readLines(path)).length === 6);
});

test("lines that were not written are handed over, and are written once", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("audit.jsonl");
  const before = open(path, HANGING);
  before.audit.record(END, before.audit.begin(CALL));
  const orders = before.child.freeze();
  await using after = open(path);
  after.child.thaw(orders);
  await until("they are written", async () => (await readLines(path)).length === 2);
  before.audit[Symbol.dispose]();
  expect(await readLines(path)).toMatchObject([{ event: "start" }, { exitCode: 0 }]);
});

test("a file that cannot be written is reported, and the loss is counted when it can", async () => {
  const lines = await withMoreTime(
    async (ms) => {
      await using directory = await createTemporaryDirectory();
      const path = directory.at("audit.jsonl/file");
      await directory.write("audit.jsonl", "not a directory\n");
      await using opened = open(path);
      opened.audit.begin(CALL);
      await until("it is reported", () => opened.problems.length > 0);
      // The report may be of the order to open the file, which comes before the line.
      await Bun.sleep(ms);
      await Bun.file(directory.at("audit.jsonl")).delete();
      opened.audit.begin(CALL);
      await until("the next line is written", async () => (await readLines(path)).length === 2);
      return await readLines(path);
    },
    ([first]) => first?.["event"] === "lost",
  );
  expect(lines).toMatchObject([{ event: "lost", lostLines: 1, commands: { uptime: 1 } }, { event: "start" }]);
});
