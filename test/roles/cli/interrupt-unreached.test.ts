/** An interrupt of a command line whose guest cannot be reached. */
import { expect, test } from "bun:test";
import { shortestOf } from "../../support/shortest.ts";
import { createStage } from "../../support/stage.ts";

/** One second for the signal to arrive; the rest is for a busy machine. Without the rule it is five. */
const MOST_MS = 4500;

test("SIGINT ends a caller with 130 within seconds while the guest's daemon stands still", async () => {
  await using stage = await createStage();
  await stage.guest().command("waiter", "#!/bin/sh\necho ready\nexec sleep 600\n");
  const ms = await shortestOf(MOST_MS, async () => {
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "waiter"]);
    expect(await running.firstLine()).toBe("ready");
    stage.guest().daemon.kill("SIGSTOP");
    const startMs = performance.now();
    running.kill("SIGINT");
    expect(await running.exited).toBe(128 + 2);
    stage.guest().daemon.kill("SIGCONT");
    return performance.now() - startMs;
  });
  expect(ms).toBeWithin(900, MOST_MS);
});
