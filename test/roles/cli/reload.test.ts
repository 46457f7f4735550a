/** The subcommand `reload`: it waits for the daemon's result, and its exit code says whether all is right. */
import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { listenForNotifications } from "../../support/notify-socket.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;
const SIDES: [string, (stage: Stage) => Side, caller: string[]][] = [
  ["host", (stage) => stage.host, ["web1"]],
  ["guest", (stage) => stage.guest(), []],
];

describe.concurrent.each(SIDES)("negotiator %s reload", (role, sideOf, caller) => {
  test(
    `${role}: ends with 0 once the new policy is in force`,
    async () => {
      await using stage = await createStage();
      const side = sideOf(stage);
      await side.setPolicy("rules = []\n");
      expect(await side.run(["reload"])).toMatchObject({
        exitCode: 0,
        stdout: `The ${role}'s daemon uses the config and the policy as they are now\n`,
        stderr: "",
      });
      const check = await side.run(["check-policy", ...caller, "find-distributor-id"]);
      expect(check).toMatchObject({ exitCode: 1, stdout: "denied: no rule of the policy allows it\n" });
    },
    TIMEOUT_MS,
  );

  test(
    `${role}: ends with 1 for a broken policy, and status shows it until it is corrected`,
    async () => {
      await using stage = await createStage();
      const side = sideOf(stage);
      await side.setPolicy('[[rules]]\naction = "permit"\n');
      const file = stage.at(`${role === "host" ? "host" : "web1"}.policy.toml`);
      const problem =
        `Cannot use ${file}:\n` +
        '  line 2: rule 1: action must be "allow" or "deny"; this is the text "permit"\n' +
        `Correct the file, then check it: negotiator ${role} check-config\n` +
        `Then load it: negotiator ${role} reload\n`;
      expect(await side.run(["reload"])).toMatchObject({
        exitCode: 1,
        stdout: "",
        stderr: `negotiator: Every call is denied: ${problem}`,
      });
      expect(side.daemon.log()).not.toContain("the policy were read again");
      expect((await side.run(["status"])).stderr).toBe(`negotiator: Every call is denied here: ${problem}`);
      expect((await side.run(["check-policy", ...caller, "find-distributor-id"])).stderr).toBe(
        `negotiator: ${problem}`,
      );

      await side.setPolicy('[[rules]]\naction = "allow"\n');
      expect((await side.run(["check-policy", ...caller, "find-distributor-id"])).stderr).toContain(
        `as it is now\nLoad it: negotiator ${role} reload\n`,
      );
      const unread =
        `The ${role}'s daemon has not read the policy "${file}" as it is now\n` +
        `Load it: negotiator ${role} reload\n`;
      for (const asked of ["check-config", "status"])
        expect(await side.run([asked])).toMatchObject({
          exitCode: 0,
          stderr: `negotiator: Every call is denied here: ${unread}`,
        });
      expect(await side.run(["reload"])).toMatchObject({ exitCode: 0 });
      for (const asked of ["check-config", "status"]) expect((await side.run([asked])).stderr).toBe("");
    },
    TIMEOUT_MS,
  );

  test(
    `${role}: check-config says which file the daemon has not read`,
    async () => {
      await using stage = await createStage();
      const side = sideOf(stage);
      const name = role === "host" ? "host" : "web1";
      const unread = (file: string): string =>
        `negotiator: The ${role}'s daemon has not read ${file} as it is now\n` +
        `Load it: negotiator ${role} reload\n`;
      expect((await side.run(["check-config"])).stderr).toBe("");
      await side.setPolicy('[[rules]]\naction = "deny"\n');
      expect(await side.run(["check-config"])).toMatchObject({
        exitCode: 0,
        stderr: unread(`the policy "${stage.at(`${name}.policy.toml`)}"`),
      });
      expect(await side.run(["status"])).toMatchObject({ exitCode: 0, stderr: "" });
      await side.configure("drainSeconds = 7\n");
      expect((await side.run(["check-config"])).stderr).toBe(
        unread(`the config "${stage.at(`${name}.toml`)}"`),
      );
      await side.run(["reload"]);
      expect((await side.run(["check-config"])).stderr).toBe("");
    },
    TIMEOUT_MS,
  );

  test(
    `${role}: ends with 1 for a broken config, and the old one stays in force`,
    async () => {
      await using stage = await createStage();
      const side = sideOf(stage);
      const file = stage.at(`${role === "host" ? "host" : "web1"}.toml`);
      await Bun.write(file, `drainSeconds = "30"\n${await readFile(file, "utf8")}`);
      const refused = await side.run(["reload"]);
      expect(refused).toMatchObject({ exitCode: 1, stdout: "" });
      expect(refused.stderr).toEndWith("A running daemon goes on with the old settings\n");
      // The command line reads the same file, so it gets another one.
      const other = { env: { NEGOTIATOR_CONFIG: "/dev/null" } };
      const ended = await side.run(["reload", "--control", side.control], other);
      expect(ended).toMatchObject({ exitCode: 1, stdout: "" });
      expect(ended.stderr).toStartWith(
        `negotiator: The old configuration stays: Cannot use ${file}:\n  line 1: `,
      );
      expect(ended.stderr).toEndWith(`check-config\nThen load it: negotiator ${role} reload\n`);
    },
    TIMEOUT_MS,
  );

  test(
    `${role}: tells systemd of the reload as SIGHUP does`,
    async () => {
      await using stage = await createStage({ withoutDaemons: true });
      const socket = stage.at("notify");
      using service = listenForNotifications(socket);
      const side = sideOf(stage);
      await side.start({ NOTIFY_SOCKET: socket });
      expect(await side.run(["reload"])).toMatchObject({ exitCode: 0 });
      const states = service.messages().map((message) => message.split("\n")[0]);
      expect(states).toEqual(["READY=1", "RELOADING=1", "READY=1"]);
    },
    TIMEOUT_MS,
  );

  test(`${role}: without a daemon it ends with 1 and says how to start one`, async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const side = sideOf(stage);
    expect(await side.run(["reload"])).toMatchObject({
      exitCode: 1,
      stderr: expect.stringContaining(`negotiator ${role} daemon\n`),
    });
  });
});
