/** `print-config` and the daemons warn about a mistyped variable. It stops neither. */
import { expect, test } from "bun:test";
import { runProgram } from "../support/program-run.ts";
import { createStage } from "../support/stage.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const MISTYPED = { NEGOTIATOR_LOG_LVL: "debug", NEGOTIATOR_CONFIG: "/dev/null" };
const SAYS = "The variable NEGOTIATOR_LOG_LVL sets nothing: did you mean NEGOTIATOR_LOG_LEVEL?\n";

test.each(["host", "guest"])(
  "print-config of the %s warns of a mistyped variable on stderr",
  async (role) => {
    const good = await runProgram([role, "print-config", "--json"], {
      environment: { NEGOTIATOR_CONFIG: "/dev/null" },
    });
    expect(good).toMatchObject({ exitCode: 0, stderr: "" });
    const { stderr, ...mistyped } = await runProgram([role, "print-config", "--json"], {
      environment: MISTYPED,
    });
    expect(mistyped).toEqual({ exitCode: 0, stdout: good.stdout });
    expect(stderr).toBe(`WARN config: ${SAYS}`);
  },
);

test("print-config warns of a removed key on stderr, and shows the other keys of its table", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("config.toml", "[limits]\nfaults = 1\nopenCalls = 7\n");
  const { exitCode, stdout, stderr } = await runProgram(["host", "print-config", "--config", file]);
  expect({ exitCode, stderr }).toEqual({
    exitCode: 0,
    stderr: `WARN config: The key limits.faults in ${file} no longer has an effect: remove it\n`,
  });
  expect(stdout).toContain("limits.openCalls = 7");
  expect(stdout).not.toContain("faults");
});

test("both daemons warn once of a mistyped variable, but not of variables that commands get", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  const given = { NEGOTIATOR_ROLE: "host", NEGOTIATOR_CALL_ID: "1", NEGOTIATOR_GUEST: "web1" };
  for (const side of [stage.host, stage.guest()]) {
    const daemon = await side.start({ NEGOTIATOR_LOG_LVL: "debug", ...given });
    await daemon.says(`WARN daemon: ${SAYS}`);
    daemon.kill("SIGHUP");
    await daemon.says("The configuration and the policy were read again");
    expect(daemon.log().match(/WARN/g)).toHaveLength(1);
    expect((await side.run(["status"], { env: { NEGOTIATOR_LOG_LVL: "debug" } })).stderr).toBe("");
  }
});
