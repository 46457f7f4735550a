/** A command line whose daemon does not answer, or not as it should: it ends with an error. */
import { expect, test } from "bun:test";
import * as v from "valibot";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { askDaemon, explainVersion, formatVersionWarning } from "../../../src/roles/cli/ask-daemon.ts";
import { dialControl } from "../../../src/roles/cli/control-client.ts";
import { listenControl } from "../../../src/roles/daemon/control-server.ts";
import { VERSION } from "../../../src/version.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { listenWithoutAccepting } from "../../support/full-socket.ts";
import { launch } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const TIMEOUT_MS = 180_000;
const SILENT = "The daemon has its control socket open, but does not answer\n";

const run = async ([role = "", subcommand = "", ...words]: readonly string[], control: string) => {
  await using launched = launch([role, subcommand, "--control", control, ...words]);
  return await launched.ended();
};

test.each<[string, boolean | undefined, string | undefined]>([
  [VERSION, undefined, undefined],
  [VERSION, false, undefined],
  [
    VERSION,
    true,
    "The file of the running daemon's program was replaced after its start\nLet the daemon take",
  ],
  [
    "0.1.0",
    undefined,
    "negotiator 0.1.0, and this program is VERSION\nRestart it: systemctl restart negotiator-host",
  ],
  [
    "0.9.0",
    true,
    "negotiator 0.9.0, and this program is VERSION\nLet the daemon take the new program: negotiator host re",
  ],
  [
    "0.9.0",
    false,
    "negotiator 0.9.0, and this program is VERSION\nLet the daemon take the new program: negotiator host re",
  ],
])(
  "of a daemon of release %s whose file was replaced (%p; undefined: it has no reexec), status says %p",
  (version, isProgramReplaced, text) => {
    const session = {
      role: "host" as const,
      session: { peer: { name: "negotiator", role: "host", version } },
    };
    const said = formatVersionWarning(explainVersion(session, { isProgramReplaced }));
    if (text === undefined) expect(said).toBeUndefined();
    else expect(said).toContain(text.replace("VERSION", VERSION));
  },
);

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
  ["guest execute -t 1", ["guest", "execute", "-t", "1", "x"], 124],
  ["guest execute", ["guest", "execute", "--connect-timeout", "1", "x"], 125],
  ["host execute", ["host", "execute", "--connect-timeout", "1", "web1", "x"], 125],
  ["guest list-commands", ["guest", "list-commands", "-t", "1"], 1],
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

test.each([
  ["takes no connection", listenWithoutAccepting],
  ["reads and says nothing", listenSilently],
])("askDaemon rejects with NO_CHANNEL after its 100 ms when the daemon %s", async (_, listen) => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("control.sock");
  using owned = new DisposableStack();
  owned.use(listen(path, 2));
  await using control = await dialControl("host", path);
  if (control === undefined) throw new Error("No daemon listens");
  expect(await rejectionOf(askDaemon(control, "status", v.unknown(), { timeoutMs: 100 }))).toMatchObject({
    code: "NO_CHANNEL",
    message: expect.stringContaining(SILENT.trimEnd()),
  });
});

/** Listens at `path`, and ignores every byte. */
function listenSilently(path: string): Disposable {
  const listener = Bun.listen({ unix: path, socket: { data: () => undefined } });
  return { [Symbol.dispose]: () => listener.stop(true) };
}
