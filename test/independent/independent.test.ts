/**
 * Tests the program against a second implementation of the protocol, which was written from its page alone.
 * `NEGOTIATOR_TEST_CUTS=2000` makes 2,000 cuts instead of 200, in a few minutes.
 */
import { expect, test } from "bun:test";
import { chooseSeed, createRandom } from "../support/random.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { describeWithPython } from "./python.ts";
import type { Counts, FlowReport, Report } from "./python.ts";
import { startSides } from "./sides.ts";
import type { Sides } from "./sides.ts";

/** The cuts of both roles together. */
const CUTS = Number(process.env["NEGOTIATOR_TEST_CUTS"] ?? 200);
/** A host's daemon dials again with growing pauses. So a few cuts of many guests take less time. */
const GUESTS = 17;
const CUTS_PER_GUEST = 6;
/** With at most 40,000 bytes between two cuts, so many bytes each way are enough for all cuts. */
const BYTES_PER_CUT = 20_000;
/** Small credits make small chunks, so that a chunk fits between two cuts. */
const SMALL_CHUNKS = ["--window", "8192"];

/** The breaches of a second host with an invalid parameter. */
const INVALID_PARAMETERS = ["an invalid credit", "an invalid message"];

const seed = chooseSeed();
const random = createRandom(seed);

/** The counts that are not 0 only if forged bytes are read as messages, or if a session is lost. */
const WRONG = [
  "old_requests",
  "complaints",
  "complaints_sent",
  "breaches_found",
  "gaps",
  "sessions_lost",
  "goodbyes",
  "notices",
];

await describeWithPython("a second implementation of the protocol", () => {
  test(
    "a second host gets the agent's description, the list of commands, and a command's output and exit code",
    async () => {
      await using sides = await startSides({ role: "guest" });
      const [socket = ""] = sides.sockets;
      const dial = (words: string[], input?: string) =>
        sides.python(["dial", socket, ...words], input).report<Record<string, unknown>>();

      expect(await dial(["ask", "info"])).toMatchObject({ answer: { result: { role: "guest" } } });
      expect(await dial(["ask", "list-commands"])).toMatchObject({
        answer: { result: { commands: expect.arrayContaining([{ name: "echo-input", kind: "user" }]) } },
      });
      expect(await dial(["ask", "no-method"])).toMatchObject({
        answer: { error: { data: { code: "UNKNOWN_METHOD" } } },
      });
      expect(await dial(["execute", "talk", "a b", "ü"], "naïve\ninput\n")).toMatchObject({
        answer: { result: { exitCode: 3, signal: null, endedBy: "command" } },
        messages: [["exited", { exitCode: 3, signal: null }]],
        stdout: "naïve\ninput\n",
        stderr: "[a b] [ü]\n",
      });
      expect(await dial(["execute", "no-command"], "")).toMatchObject({
        answer: { error: { data: { code: "NO_COMMAND" } } },
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "each breach of a second host fails its call with BAD_FRAME and one complaint, and the session goes on",
    async () => {
      const { results, isOpen } = await breakRules();
      const names = Object.keys(results).filter((name) => !INVALID_PARAMETERS.includes(name));
      expect(results).toMatchObject(Object.fromEntries(names.map((name) => [name, ["BAD_FRAME", 1]])));
      expect(names.length).toBeGreaterThan(9);
      expect(isOpen).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );

  // The page counts these among the breaches.
  test(
    "an invalid parameter of a message inside a call fails the call with BAD_FRAME",
    async () => {
      const { results } = await breakRules();
      for (const name of INVALID_PARAMETERS) {
        expect(results[name]).toEqual(["BAD_FRAME", 1]);
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a second guest serves lists, arguments, input, output and exit codes, and its breach ends the call",
    async () => {
      await using sides = await startSides({ role: "host" });
      const serve = sides.python(["serve", ...sides.sockets]);
      await serve.says("isReady");
      const run = async (words: string[], stdin = "") => {
        const { exitCode, stdout, stderr } = await sides.launch(words, { stdin }).ended();
        return { exitCode, stdout, stderr };
      };

      expect(await run(["list-commands", "vm1"])).toEqual({
        exitCode: 0,
        stdout: "break\necho\nfail\nproduce\nrestart\nshow\nwait\n",
        stderr: "",
      });
      expect(await run(["execute", "vm1", "show", "a b", "", "ü"])).toEqual({
        exitCode: 0,
        stdout: "[a b]\n[]\n[ü]\n",
        stderr: "",
      });
      expect(await run(["execute", "vm1", "echo"], "naïve\ninput\n")).toMatchObject({
        exitCode: 0,
        stdout: "naïve\ninput\n",
      });
      expect(await run(["execute", "vm1", "fail"])).toEqual({
        exitCode: 3,
        stdout: "out\n",
        stderr: "err\n",
      });
      expect(await run(["execute", "vm1", "no-command"])).toMatchObject({ exitCode: 127, stdout: "" });
      expect(await run(["execute", "vm1", "break"])).toMatchObject({ exitCode: 125, stdout: "" });
      const [report] = await serve.report<(Report & { heard: unknown[] })[]>();
      expect(report?.heard).toEqual([["cancel", expect.objectContaining({ code: "BAD_FRAME" })]]);
      expect(report?.counts).toMatchObject({ complaints: 1, hellos: 1 });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a second host's signal reaches the command, which ends by itself",
    async () => {
      await using sides = await startSides({ role: "guest" });
      const signal = sides.python(["dial", ...sides.sockets, "signal", "SIGUSR1", "hold"]);
      expect(await signal.report<unknown>()).toMatchObject({
        answer: { result: { exitCode: 7, signal: null, endedBy: "command" } },
        messages: [
          ["signalled", { signal: "SIGUSR1" }],
          ["exited", { exitCode: 7, signal: null }],
        ],
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "Ctrl-C at a host reaches the command of a second guest, and ends the caller by the same signal",
    async () => {
      await using sides = await startSides({ role: "host" });
      const serve = sides.python(["serve", ...sides.sockets]);
      await serve.says("isReady");
      const execute = sides.launch(["execute", "vm1", "wait"]);
      expect(await execute.firstLine()).toBe("waiting");
      execute.kill("SIGINT");
      await execute.exited;
      expect(execute.signal()).toBe("SIGINT");
      const [report] = await serve.report<(Report & { heard: unknown[] })[]>();
      expect(report?.heard).toEqual([["signal", { signal: "SIGINT" }]]);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a host dials again when the guest's agent restarts inside a raw chunk",
    () => restartInChunk(3000),
    TEST_TIMEOUT_MS,
  );

  // The answers to the pings fill the torn chunk. So the host waits for the last of 32 answers, and 2 s more.
  test(
    "a host that pings often dials again when the guest's agent restarts inside a raw chunk",
    () => restartInChunk(100),
    TEST_TIMEOUT_MS,
  );

  test(
    `${CUTS / 2} cuts between a guest's daemon and a second host lose, double or misread nothing ` +
      `(seed ${seed})`,
    async () => {
      const bytes = BYTES_PER_CUT * (CUTS / 2);
      const flowSeed = random.below(2 ** 30);
      await using sides = await startSides({ role: "guest", seed: flowSeed, cuts: CUTS / 2, guestCuts: 3 });
      const input = await forge(sides, bytes, flowSeed);
      const [socket = ""] = sides.sockets;
      const flow = sides.python([
        "dial",
        socket,
        "flow",
        "echo-input",
        `${bytes}`,
        `${flowSeed}`,
        ...SMALL_CHUNKS,
      ]);
      await flow.says("isReady");
      const { exitCode, stderr, output } = await sides
        .launch(["execute", "-t", "300", "echo"], { stdin: input })
        .ended();
      const report = await flow.report<Report & FlowReport>();

      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(Bun.SHA256.hash(output)).toEqual(Bun.SHA256.hash(input));
      expectWhole(report, bytes);
      expectForms(report.counts);
      expectNothingWrong(report);
      expect(await sides.audited(2)).toEqual(["echo", "echo-input"]);
      const [counts] = await sides.cutter.report<Counts[]>();
      expect(counts).toMatchObject({ cuts: CUTS / 2 });
    },
    TEST_TIMEOUT_MS,
  );

  const rounds = Math.ceil(CUTS / 2 / (GUESTS * CUTS_PER_GUEST));
  test(
    `${rounds * GUESTS * CUTS_PER_GUEST} cuts between a host's daemon and ${GUESTS} second guests lose, ` +
      `double or misread nothing (seed ${seed})`,
    async () => {
      for (let round = 0; round < rounds; round++) {
        await cutGuests(random.below(2 ** 30));
      }
    },
    TEST_TIMEOUT_MS,
  );
});

/** Lets a second host break a rule in each of several calls. */
async function breakRules(): Promise<{ results: Record<string, unknown>; isOpen: boolean }> {
  await using sides = await startSides({ role: "guest" });
  return await sides.python(["dial", ...sides.sockets, "breaches", "echo-input"]).report();
}

/** Calls a second guest that forgets its session inside a chunk. The host must dial again within 8 s. */
async function restartInChunk(pingAfterMs: number): Promise<void> {
  await using sides = await startSides({ role: "host", pingAfterMs });
  const serve = sides.python(["serve", ...sides.sockets]);
  await serve.says("isReady");
  const execute = sides.launch(["execute", "-t", "60", "vm1", "restart"]);
  await serve.says("isNewSession", 2, 8000);
  const { exitCode, stderr } = await execute.ended();
  expect({ exitCode, stderr }).toEqual({ exitCode: 125, stderr: expect.stringContaining("outcome") });
}

/** Cuts the ports of several guests while each of them calls the host, and the host calls each of them. */
async function cutGuests(flowSeed: number): Promise<void> {
  const bytes = BYTES_PER_CUT * CUTS_PER_GUEST;
  await using sides = await startSides({
    role: "host",
    ports: GUESTS,
    seed: flowSeed,
    cuts: CUTS_PER_GUEST,
    guestCuts: CUTS_PER_GUEST,
  });
  const input = await forge(sides, bytes, flowSeed);
  const flow = ["echo-input", `${bytes}`, `${flowSeed}`, "--seed", `${flowSeed}`, ...SMALL_CHUNKS];
  const serve = sides.python(["serve", sides.sockets.join(","), ...flow]);
  await serve.says("isReady", GUESTS);
  const runs = sides.sockets.map(async (_, at) => {
    const words = ["execute", "-t", "300", `vm${at + 1}`, "echo"];
    const { exitCode, stderr, output } = await sides.launch(words, { stdin: input }).ended();
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    expect(Bun.SHA256.hash(output)).toEqual(Bun.SHA256.hash(input));
  });
  await Promise.all(runs);
  const reports = await serve.report<(Report & { flows: FlowReport[] })[]>();

  expect(reports).toHaveLength(GUESTS);
  for (const report of reports) {
    expectNothingWrong(report);
    for (const flowed of report.flows) expectWhole(flowed, bytes);
    expect(report.flows).toHaveLength(1);
  }
  expectForms(sum(reports.map(({ counts }) => counts)));
  expect(await sides.audited(2 * reports.length)).toEqual([
    ...reports.map(() => "echo"),
    ...reports.map(() => "echo-input"),
  ]);
  const cuts = await sides.cutter.report<Counts[]>();
  expect(cuts.map((counts) => counts["cuts"])).toEqual(reports.map(() => CUTS_PER_GUEST));
}

async function forge(sides: Sides, bytes: number, from: number) {
  await sides.python(["forge", sides.at("forged"), `${bytes}`, "--seed", `${from}`]).report<unknown>();
  return Bun.file(sides.at("forged")).bytes();
}

/** All bytes of a flow came back once, and the command ended by itself. */
function expectWhole(report: FlowReport, bytes: number): void {
  expect(report).toMatchObject({ isSame: true, bytes, stderr: "", answer: { result: { exitCode: 0 } } });
}

/** The only call that came is the real one. */
function expectNothingWrong({ ran, counts }: Report): void {
  expect({ ran, wrong: WRONG.filter((name) => counts[name] !== undefined) }).toEqual({
    ran: ["echo"],
    wrong: [],
  });
}

/** Each form of chunk was sent and received. */
function expectForms(counts: Counts): void {
  for (const form of ["sent_raw", "sent_text", "sent_base64", "got_bytes", "got_text", "got_base64"]) {
    expect({ [form]: counts[form] ?? 0 }).not.toEqual({ [form]: 0 });
  }
}

function sum(all: readonly Counts[]): Counts {
  const names = new Set(all.flatMap((counts) => Object.keys(counts)));
  const total = (name: string): number => all.reduce((before, counts) => before + (counts[name] ?? 0), 0);
  return Object.fromEntries([...names].map((name) => [name, total(name)]));
}
