/** The subcommand `check-policy` beside a running daemon: it asks the daemon, and sees a changed file. */
import { expect, test } from "bun:test";
import { createStage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;
const COMMAND = "find-distributor-id";
const STALE = (path: string): string =>
  `negotiator: The host's daemon has not read the policy "${path}" as it is now\n` +
  "Load it: negotiator host reload\n";

test(
  "check-policy shows the daemon's decision, and says that the file differs until it is loaded",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    const check = () => host.run(["check-policy", "web1", COMMAND]);
    const allowed = "rule 1 (allow): matches\nallowed\n";
    expect(await check()).toMatchObject({ exitCode: 0, stdout: allowed, stderr: "" });
    await host.setPolicy("rules = []\n");
    const stderr = STALE(stage.at("host.policy.toml"));
    expect(await check()).toMatchObject({ exitCode: 1, stdout: allowed, stderr });
    expect(await host.run(["reload"])).toMatchObject({ exitCode: 0 });
    expect(await check()).toMatchObject({
      exitCode: 1,
      stdout: "denied: no rule of the policy allows it\n",
      stderr: "",
    });
  },
  TIMEOUT_MS,
);

test(
  "check-policy says that a removed policy is still in force in the daemon",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    await Bun.file(stage.at("host.policy.toml")).delete();
    expect(await host.run(["check-policy", "web1", COMMAND])).toMatchObject({
      exitCode: 1,
      stdout: "rule 1 (allow): matches\nallowed\n",
      stderr: STALE(stage.at("host.policy.toml")),
    });
  },
  TIMEOUT_MS,
);

test(
  "check-policy with --config reads the files and does not ask the daemon",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    await host.setPolicy("rules = []\n");
    const config = stage.at("host.toml");
    expect(await host.run(["check-policy", "--config", config, "web1", COMMAND])).toMatchObject({
      exitCode: 1,
      stdout: "denied: no rule of the policy allows it\n",
      stderr: "",
    });
  },
  TIMEOUT_MS,
);

test.each([
  ["by the daemon", false],
  ["by the file", true],
])(
  "check-policy looks for the user and the command, %s",
  async (_, withoutDaemons) => {
    await using stage = await createStage({ withoutDaemons });
    const { host } = stage;
    await host.setPolicy('[[rules]]\naction = "allow"\nuser = "nosuchuser"\n');
    if (!withoutDaemons) await host.run(["reload"]);
    expect(await host.run(["check-policy", "web1", "chek-process"])).toMatchObject({
      exitCode: 1,
      stdout: "rule 1 (allow): matches\nallowed, as user nosuchuser\n",
      stderr: [
        "negotiator: The call would fail: Cannot use rule 1 of the policy: " +
          'Cannot find the user "nosuchuser": the system does not know it',
        "Correct the name, or create the user: useradd --system nosuchuser",
        'The call would fail: Cannot run "chek-process": it is not a command of negotiator on the host',
        `Look what there is: ls -l ${stage.at("host.commands")}`,
        "",
      ].join("\n"),
    });
  },
  TIMEOUT_MS,
);
