/** The room for asynchronous requests that processes take: all processes of the machine share it. */
import { expect, test } from "bun:test";
import { ringBytes } from "../../support/result-ring.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;

test(
  "daemons have room for hundreds of pipes, and a command line that waits for its input for a few",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("cat", "#!/bin/sh\nexec cat\n");
    await stage.open();
    await using waiting = stage.host.launch(["execute", "web1", "cat"], { isOpen: true });
    await until("the command line asks the kernel", () => ringBytes(waiting.pid) > 0);
    const few = ringBytes(waiting.pid);
    for (const { daemon } of [stage.host, stage.guest()])
      await until("the daemon has more room", () => ringBytes(daemon.pid) > few);
    waiting.endInput();
    expect(await waiting.exited).toBe(0);
  },
  TIMEOUT_MS,
);
