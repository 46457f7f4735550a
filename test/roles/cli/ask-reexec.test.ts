/** `reexec`: what the command line says about a daemon that replaces itself, or does not. */
import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { askReexec } from "../../../src/roles/cli/ask-reexec.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { listenAsDaemon } from "../../support/false-daemon.ts";
import type { FalseAnswer } from "../../support/false-daemon.ts";
import { invocationOf } from "../../support/invocation.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

let directory: TemporaryDirectory;

beforeEach(async () => {
  directory = await createTemporaryDirectory();
});

afterEach(async () => {
  jest.restoreAllMocks();
  await directory[Symbol.asyncDispose]();
});

const control = (): string => directory.at("control.sock");
const ask = () =>
  spyOnOutput(() => askReexec("host", invocationOf({ host: { ...DEFAULTS.host, control: control() } })));

const OLD = { instance: "old", version: "1", problem: null };

/** Answers one look after the other by `looks`, the last one again and again. */
function answering(looks: readonly unknown[], reexec: () => unknown = () => ({ version: "2", waitMs: 0 })) {
  const methods: string[] = [];
  let look = 0;
  const answer: FalseAnswer = (method) => {
    methods.push(method);
    if (method === "reexec") return reexec();
    const next = looks[Math.min(look++, looks.length - 1)];
    if (next instanceof Error) throw next;
    return next;
  };
  return { methods, answer };
}

test("it waits until another instance answers, and prints its version", async () => {
  const { methods, answer } = answering([OLD, OLD, { ...OLD, instance: "new", version: "2\u001b" }]);
  await using _ = await listenAsDaemon("host", control(), answer);
  expect(await ask()).toEqual({
    result: { exitCode: 0 },
    stdout: "The host's daemon is now 2\\x1b\n",
    stderr: "",
  });
  expect(methods).toEqual(["daemon-instance", "reexec", "daemon-instance", "daemon-instance"]);
});

test("a problem of the old instance ends the wait", async () => {
  const { answer } = answering([OLD, OLD, { ...OLD, problem: "the state is too new" }]);
  await using _ = await listenAsDaemon("host", control(), answer);
  expect(await rejectionOf(ask())).toMatchObject({ code: "UNSUPPORTED", message: "the state is too new" });
});

test("without a daemon, the error says how to start one", async () => {
  expect((await rejectionOf(ask())).message).toStartWith(
    `No daemon of negotiator listens at "${control()}"\n`,
  );
});

test.each<[code: "UNKNOWN_METHOD" | "DENIED", expected: object]>([
  [
    "UNKNOWN_METHOD",
    {
      code: "UNSUPPORTED",
      message:
        "The host's daemon is of a release that cannot replace itself\n" +
        "Restart it: systemctl restart negotiator-host",
    },
  ],
  ["DENIED", { code: "DENIED", message: expect.stringContaining("as given") }],
])("a daemon that answers the first question with %s is not replaced", async (code, expected) => {
  const { methods, answer } = answering([new NegotiatorError(code, "as given")]);
  await using _ = await listenAsDaemon("host", control(), answer);
  expect(await rejectionOf(ask())).toMatchObject(expected);
  expect(methods).toEqual(["daemon-instance"]);
});

test("a replacement that is refused fails with its reason", async () => {
  const { methods, answer } = answering([OLD], () => {
    throw new NegotiatorError("UNKNOWN_METHOD", "as given");
  });
  await using _ = await listenAsDaemon("host", control(), answer);
  expect((await rejectionOf(ask())).message).toContain("as given");
  expect(methods).toEqual(["daemon-instance", "reexec"]);
});

test("failed looks do not end the wait, which lasts the daemon's own time and 30 s", async () => {
  const waitMs = 5000;
  let lateMs = 0;
  const now = performance.now.bind(performance);
  spyOn(performance, "now").mockImplementation(() => now() + lateMs);
  const late = new NegotiatorError("BUSY", "still starting");
  const { answer } = answering([OLD, OLD, late], () => ({ version: "2", waitMs }));
  let looks = 0;
  await using _ = await listenAsDaemon("host", control(), (method, params, call) => {
    if (method === "daemon-instance") looks++;
    if (looks === 4) lateMs = 34_000;
    if (looks === 5) lateMs = 35_001;
    return answer(method, params, call);
  });
  const error = await rejectionOf(ask());
  expect(error).toMatchObject({
    code: "TIMEOUT",
    message:
      "The host's daemon was to replace itself, and does not answer since\n" +
      "Read its log: journalctl -u negotiator-host",
    cause: expect.objectContaining({ code: "BUSY" }),
  });
  expect(looks).toBe(5);
});
