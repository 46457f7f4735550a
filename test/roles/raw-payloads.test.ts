/** `rawPayloads = false`: the bytes of streams are readable lines on the port. */
import { expect, test } from "bun:test";
import { createRandom, chooseSeed } from "../support/random.ts";
import { createStage } from "../support/stage.ts";

test.each(["host", "guest"] as const)(
  "with rawPayloads = false on the %s, random bytes and text pass both ways unharmed",
  async (role) => {
    const seed = chooseSeed();
    await using stage = await createStage({ withoutDaemons: true });
    const sides = { host: stage.host, guest: stage.guest() };
    await sides[role].configure("rawPayloads = false\n");
    await Promise.all([stage.host.start(), stage.guest().start()]);
    await stage.open();
    await stage.guest().command("copy", "#!/bin/sh\nexec cat\n");
    const input = Buffer.concat([createRandom(seed).bytes(300_000), Buffer.from("lines\n".repeat(50_000))]);
    const { exitCode, output } = await stage.host.run(["execute", "web1", "copy"], { stdin: input });
    expect({ seed, exitCode, isEqual: Buffer.compare(output, input) === 0 }).toEqual({
      seed,
      exitCode: 0,
      isEqual: true,
    });
  },
  180_000,
);
