/** `execute` in several guests beside a daemon with given answers: who is called when, and how that ends. */
import { expect, spyOn, test } from "bun:test";
import { mkdir } from "node:fs/promises";
import { NegotiatorError } from "../../../../src/errors.ts";
import { executeOnGuests } from "../../../../src/roles/host/fan-out/fan-out.ts";
import type { FanOutLine } from "../../../../src/roles/host/fan-out/fan-out.ts";
import { standardOutput } from "../../../../src/standard-output.ts";
import type { IncomingCall } from "../../../../src/wire/calls/incoming-call.ts";
import { waitTurns } from "../../../support/event-loop.ts";
import { createQuickHost, guestStatus } from "../../../support/quick-host.ts";
import { spyOnOutput } from "../../../support/spied-output.ts";

const RESULT = { exitCode: 0, signal: null, endedBy: "command", durationMs: 1 };
const FAILED = { ...RESULT, exitCode: 7 };

type Choice = Partial<FanOutLine["choice"]>;
type Line = Partial<Omit<FanOutLine, "choice" | "control">> & { choice?: Choice };

/** The answer to `execute`: by the name of the guest, with the call. */
type Execute = (guest: string, call: IncomingCall) => unknown;

type Fleet = { guests?: readonly ReturnType<typeof guestStatus>[]; execute?: Execute };

const namesOf = (params: unknown): string =>
  typeof params === "object" && params !== null && "guest" in params ? String(params.guest) : "";

const guestsOf = (...names: string[]) => names.map((name) => guestStatus({ name }));

/** Runs `uptime -p` in all guests of a daemon. */
async function runOn({ guests = guestsOf("db1", "web1"), execute = () => RESULT }: Fleet, line: Line = {}) {
  await using host = await createQuickHost({
    daemon: {
      status: { guests },
      execute: (params: unknown, call: IncomingCall) => execute(namesOf(params), call),
    },
  });
  const { result, stdout, stderr } = await spyOnOutput(() => executeOnGuests(lineOf(host.control, line)));
  const called = host.asked.filter(({ method }) => method === "execute").map(({ params }) => params);
  return { ...result, stdout, stderr, called, names: called.map(namesOf) };
}

function lineOf(control: string, { choice, ...line }: Line): FanOutLine {
  return {
    control,
    choice: {
      all: true,
      patterns: [],
      files: [],
      parallel: 32,
      failFast: false,
      outputDirectory: undefined,
      isJson: false,
      ...choice,
    },
    command: "uptime",
    args: ["-p"],
    limits: { timeoutMs: 0, connectTimeoutMs: 3000 },
    isPatient: false,
    sendsInput: false,
    isRaw: false,
    isQuiet: false,
    ...line,
  };
}

/** The results of a run with `--json`, one object for each guest. */
const resultsOf = ({ stdout }: { stdout: string }) =>
  stdout
    .split("\n")
    .slice(0, -1)
    .map((line): { guest: string; exitCode: number; error: string | null } => JSON.parse(line));

async function say(call: IncomingCall, text: string): Promise<void> {
  const writer = call.writer("stdout");
  await writer.write(new TextEncoder().encode(text));
}

test("the command runs in each guest, and each line of output begins with the guest's name", async () => {
  const { exitCode, isStuck, error, called, stdout, stderr, ...rest } = await runOn({
    async execute(guest, call) {
      expect(call.streams.read).toEqual([]);
      await say(call, `up on ${guest}\n`);
      return RESULT;
    },
  });
  expect({ exitCode, isStuck, error }).toEqual({ exitCode: 0, isStuck: true, error: undefined });
  expect(rest).not.toHaveProperty("signal");
  expect(stdout.split("\n").sort()).toEqual(["", "db1: up on db1", "web1: up on web1"]);
  expect(stderr).toContain("2");
  expect(called).toEqual(
    ["db1", "web1"].map((guest) => ({
      command: "uptime",
      args: ["-p"],
      guest,
      connectTimeoutMs: 3000,
      isPatient: false,
    })),
  );
});

test("a daemon of another release is named before the guests are called", async () => {
  await using host = await createQuickHost({
    daemon: { status: { guests: guestsOf("a") }, execute: RESULT },
    version: "0.1.0",
  });
  const { stderr } = await spyOnOutput(() => executeOnGuests(lineOf(host.control, {})));
  expect(stderr).toStartWith("negotiator: The running daemon is negotiator 0.1.0, and this program is ");
  expect(host.asked.map(({ method }) => method)).toEqual(["status", "status", "execute"]);
});

test("a patient caller is one for each guest, and also calls those that are silent", async () => {
  const guests = [guestStatus({ name: "web1", state: "waiting" })];
  const limits = { timeoutMs: 0, connectTimeoutMs: 3000, isPatient: true };
  const { called, exitCode } = await runOn({ guests }, { limits, isPatient: true });
  expect(called).toMatchObject([{ guest: "web1", isPatient: true }]);
  expect(exitCode).toBe(0);
});

test("a quiet run says nothing of success", async () => {
  expect(await runOn({}, { isQuiet: true })).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
});

test("one guest that fails makes the exit code 1, and its error is its own", async () => {
  const ended = await runOn(
    {
      guests: guestsOf("a", "b", "c"),
      execute: (guest) =>
        guest === "a"
          ? RESULT
          : guest === "b"
            ? FAILED
            : new NegotiatorError("NO_COMMAND", "no such command"),
    },
    { choice: { isJson: true } },
  );
  expect(ended.exitCode).toBe(1);
  const results = resultsOf(ended).toSorted((one, other) => (one.guest < other.guest ? -1 : 1));
  expect(results).toMatchObject([
    { guest: "a", exitCode: 0, error: null },
    { guest: "b", exitCode: 7, error: null },
    { guest: "c", exitCode: 127 },
  ]);
  expect(JSON.stringify(results[2])).toContain("no such command");
});

/** Guests of which the first has no agent, and the last does not run. */
const PARTLY = [
  guestStatus({ name: "a", state: "waiting" }),
  guestStatus({ name: "b" }),
  guestStatus({ name: "c" }),
  guestStatus({ name: "d\n", state: "shut off", since: null }),
];

test("guests that cannot be called are named first, and fail", async () => {
  const { exitCode, stderr, names } = await runOn({ guests: PARTLY }, { isQuiet: true });
  expect({ exitCode, names }).toEqual({ exitCode: 1, names: ["b", "c"] });
  const lines = stderr.split("\n");
  expect(lines[0]).toMatch(/^negotiator: a: no agent has answered yet, for \d+ d$/);
  expect(lines[1]).toBe("negotiator: left out, because they do not run: d\\n");
});

test("with --json a guest that cannot be called is an object, and not a line of stderr", async () => {
  const ended = await runOn({ guests: PARTLY }, { choice: { isJson: true } });
  expect(resultsOf(ended).map(({ guest }) => guest)).toEqual(["a", "b", "c"]);
  expect(JSON.stringify(resultsOf(ended)[0])).toContain("no agent has answered yet");
  expect(ended.stderr).not.toContain("negotiator: a: ");
  expect(ended.stderr).toContain("negotiator: left out, because they do not run: d\\n\n");
});

test("without guests that are left out there is no line about them", async () => {
  expect((await runOn({})).stderr).not.toContain("left out");
});

const failInB: Execute = (guest) => (guest === "b" ? FAILED : RESULT);

test("with --fail-fast no more guests are called after a failure, and these have not started", async () => {
  const guests = guestsOf("a", "b", "c", "d");
  const choice = { parallel: 1, failFast: true, isJson: true };
  const ended = await runOn({ guests, execute: failInB }, { choice });
  expect(ended.names).toEqual(["a", "b"]);
  expect(ended.exitCode).toBe(1);
  expect(resultsOf(ended).map(({ guest }) => guest)).toEqual(["a", "b", "c", "d"]);
  for (const result of resultsOf(ended).slice(2)) expect(JSON.stringify(result)).toContain("not started");
  const slow = await runOn({ guests, execute: failInB }, { choice: { ...choice, failFast: false } });
  expect(slow.names).toEqual(["a", "b", "c", "d"]);
});

test("with --fail-fast a guest without an agent does not keep the others from being called", async () => {
  const { names } = await runOn({ guests: PARTLY }, { choice: { parallel: 1, failFast: true } });
  expect(names).toEqual(["b", "c"]);
});

test.each([
  [1, 3, 1],
  [2, 5, 2],
  [40, 3, 3],
  [40, 34, 34],
])("with --parallel %d, of %d guests %d are called at once", async (parallel, count, most) => {
  let running = 0;
  let highest = 0;
  const full = Promise.withResolvers<void>();
  const names = Array.from({ length: count }, (_, index) => `vm${index}`);
  const { exitCode, ...ended } = await runOn(
    {
      guests: guestsOf(...names),
      async execute() {
        running++;
        highest = Math.max(highest, running);
        if (running === most) full.resolve();
        await full.promise;
        // A call too many would come in the meantime.
        await waitTurns(3);
        running--;
        return RESULT;
      },
    },
    { choice: { parallel } },
  );
  expect({ exitCode, highest }).toEqual({ exitCode: 0, highest: most });
  expect(ended.names.toSorted()).toEqual(names.toSorted());
});

test("a signal ends the run by that signal, and starts no more", async () => {
  const before = process.listenerCount("SIGTERM");
  const { signal, names, exitCode } = await runOn(
    {
      guests: guestsOf("a", "b"),
      execute() {
        process.emit("SIGTERM", "SIGTERM");
        return { ...RESULT, exitCode: null, signal: "SIGTERM" };
      },
    },
    { choice: { parallel: 1 } },
  );
  expect({ signal, names, exitCode }).toEqual({ signal: "SIGTERM", names: ["a"], exitCode: 1 });
  expect(process.listenerCount("SIGTERM")).toBe(before);
});

test("without a reader of the results no more guests are called", async () => {
  await using host = await createQuickHost({
    daemon: { status: { guests: guestsOf("a", "b", "c") }, execute: RESULT },
  });
  using _ = spyOn(standardOutput, "write").mockImplementation(() => Promise.resolve(false));
  await executeOnGuests(lineOf(host.control, { choice: { parallel: 1, isJson: true } }));
  expect(host.asked.filter(({ method }) => method === "execute")).toHaveLength(1);
});

test("a directory gets the output, and a guest without a file for it fails alone", async () => {
  await using host = await createQuickHost({
    daemon: {
      status: { guests: guestsOf("a", "b") },
      async execute(_params: unknown, call: IncomingCall) {
        await say(call, "some");
        return RESULT;
      },
    },
  });
  const outputDirectory = host.directory.at("out");
  await mkdir(host.directory.at("out", "a.stdout", "full"), { recursive: true });
  const ended = await spyOnOutput(() =>
    executeOnGuests(lineOf(host.control, { choice: { outputDirectory, isJson: true } })),
  );
  expect(ended.result.exitCode).toBe(1);
  expect(
    host.asked.filter(({ method }) => method === "execute").map(({ params }) => namesOf(params)),
  ).toEqual(["b"]);
  expect(await Bun.file(host.directory.at("out", "b.stdout")).text()).toBe("some");
  expect(resultsOf(ended).find(({ guest }) => guest === "a")?.exitCode).not.toBe(0);
});

test("a wrong directory or file is wrong usage, and no guest is called", async () => {
  for (const choice of [
    { outputDirectory: "/proc/none/x" },
    { files: ["/nonexistent/guests"], all: false },
  ]) {
    const { exitCode, isStuck, error, names } = await runOn({}, { choice });
    expect({ exitCode, isStuck, code: error?.code, names }).toEqual({
      exitCode: 2,
      isStuck: true,
      code: "BAD_USAGE",
      names: [],
    });
  }
});

test("files name guests", async () => {
  await using host = await createQuickHost({
    daemon: { status: { guests: guestsOf("a", "b", "c") }, execute: RESULT },
  });
  const files = [await host.directory.write("one", "c\n"), await host.directory.write("two", "a\n")];
  await spyOnOutput(() => executeOnGuests(lineOf(host.control, { choice: { all: false, files } })));
  const called = host.asked.filter(({ method }) => method === "execute");
  expect(called.map(({ params }) => namesOf(params)).toSorted()).toEqual(["a", "c"]);
});

test("a pattern chooses guests, and one that fits none is a failure", async () => {
  expect((await runOn({}, { choice: { all: false, patterns: ["w*"] } })).names).toEqual(["web1"]);
  const { exitCode, error } = await runOn({}, { choice: { all: false, patterns: ["x*"] } });
  expect({ exitCode, code: error?.code }).toEqual({ exitCode: 1, code: "NO_GUEST" });
});

test("without a daemon the run fails, and says how to start it", async () => {
  await using host = await createQuickHost();
  const { exitCode, error } = await executeOnGuests(lineOf(host.control, {}));
  expect({ exitCode, code: error?.code }).toEqual({ exitCode: 1, code: "NO_CHANNEL" });
  expect(error?.message).toStartWith(`No daemon of negotiator listens at "${host.control}"\n`);
});
