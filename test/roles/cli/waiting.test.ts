/** The line that says what a call waits for: only on a terminal, after a second, and erased afterwards. */
import { expect, setDefaultTimeout, test } from "bun:test";
import { launchOnScreen } from "../../support/screen.ts";
import { createStage } from "../../support/stage.ts";

setDefaultTimeout(180_000);

const PATIENT = { NEGOTIATOR_CONNECT_TIMEOUT_SECONDS: "90" };

test("a call waits for the agent, and the line is gone when the agent has come", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  await stage.guest().command("greet", "#!/bin/sh\nprintf 'no end'; sleep 1.2; echo ' yet'\n");
  await stage.host.start();
  const env = { NEGOTIATOR_CONFIG: stage.at("host.toml"), ...PATIENT };
  await using screen = launchOnScreen(["host", "execute", "web1", "greet"], { env });
  await screen.shows(/^waiting for the agent of web1, \d+ s; Ctrl-C stops$/);
  await stage.guest().start();
  await screen.shows(/^no end$/);
  expect(await screen.ended()).toBe(0);
  expect(await screen.text()).toBe("no end yet");
});

test("Ctrl-C ends a call that waits, and erases the line", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  await stage.host.start();
  const env = { NEGOTIATOR_CONFIG: stage.at("host.toml"), ...PATIENT };
  await using screen = launchOnScreen(["host", "list-commands", "-t", "90", "web1"], { env, columns: 30 });
  await screen.shows(/^waiting for the agent of w…$/);
  screen.type("\u0003");
  await screen.ended();
  expect(await screen.text()).not.toContain("waiting");
});

test("a guest's call waits for the host's daemon", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  await stage.guest().start();
  const env = { NEGOTIATOR_CONFIG: stage.at("web1.toml"), ...PATIENT };
  await using screen = launchOnScreen(["guest", "execute", "greet"], { env });
  await screen.shows(/^waiting for the host's daemon, \d+ s; Ctrl-C stops$/);
});

test("without a terminal there is no such line", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  await stage.host.start();
  const { stdout, stderr } = await stage.host.run(["execute", "--connect-timeout", "2.5", "web1", "greet"]);
  expect({ stdout, hasLine: stderr.includes("waiting for") }).toEqual({ stdout: "", hasLine: false });
});
