/** A command line whose daemon does not answer, or not as it should: it ends with an error. */
import { expect, test } from "bun:test";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { listenControl } from "../../../src/roles/daemon/control-server.ts";
import { listenWithoutAccepting } from "../../support/full-socket.ts";
import { launch } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const TIMEOUT_MS = 60_000;
const SILENT = "The daemon has its control socket open, but does not answer\n";

const run = async ([role = "", subcommand = "", ...words]: readonly string[], control: string) => {
  await using launched = launch([role, subcommand, "--control", control, ...words]);
  return await launched.ended();
};

test.each([
  ["guest execute", ["guest", "execute", "x"], 125],
  ["guest list-commands", ["guest", "list-commands"], 1],
  ["guest status", ["guest", "status"], 1],
  ["host status", ["host", "status"], 1],
  ["host list-guests", ["host", "list-guests"], 1],
])(
  "%s fails when the daemon's answer has an unknown shape",
  async (_name, words, exitCode) => {
    await using directory = await createTemporaryDirectory();
    const control = directory.at("control.sock");
    await using _ = await listenControl(words[0] === "host" ? "host" : "guest", control, {
      limits: DEFAULT_LIMITS,
      serve: {
        call: (call) => call.respond({ host: { state: "sleeping" }, guests: "many" }),
        notice: () => undefined,
      },
    });
    const ended = await run(words, control);
    expect(ended).toMatchObject({ exitCode, stdout: "" });
    expect(ended.stderr).toContain("Cannot understand the other side's answer: ");
  },
  TIMEOUT_MS,
);

test.concurrent.each([
  ["guest execute", ["guest", "execute", "-t", "1", "x"], 125],
  ["guest list-commands", ["guest", "list-commands", "-t", "1"], 1],
  ["host status", ["host", "status"], 1],
])(
  "%s fails when the daemon does not answer",
  async (_name, words, exitCode) => {
    await using directory = await createTemporaryDirectory();
    const control = directory.at("control.sock");
    using _ = listenWithoutAccepting(control, 2);
    const ended = await run(words, control);
    expect(ended).toMatchObject({ exitCode, stdout: "", stderr: expect.stringContaining(SILENT) });
  },
  TIMEOUT_MS,
);
