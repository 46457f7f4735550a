/** Two things that go on beside each other: how both end. */
import { once } from "node:events";
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { runAlongside } from "../../../src/roles/daemon/run-alongside.ts";
import { rejectionOf } from "../../support/error-of.ts";

const broken = (what: string): Promise<never> =>
  Promise.reject(new NegotiatorError("INTERNAL", `${what} broke`));
const forever = (): Promise<void> => Promise.withResolvers<void>().promise;

test("the companion is told to end when the main thing has ended, and waited for", async () => {
  const steps: string[] = [];
  await runAlongside(
    async (signal) => {
      await once(signal, "abort");
      steps.push("companion");
    },
    async () => void steps.push("main"),
  );
  expect(steps).toEqual(["main", "companion"]);
});

test("it is told so as well when the main thing fails", async () => {
  let told: AbortSignal | undefined;
  const companion = async (signal: AbortSignal): Promise<void> => {
    told = signal;
    await once(signal, "abort");
  };
  expect((await rejectionOf(runAlongside(companion, () => broken("main")))).message).toBe("main broke");
  expect(told?.aborted).toBe(true);
});

test("its failure ends the whole at once, or at the end", async () => {
  const atOnce = runAlongside(() => broken("companion"), forever);
  expect((await rejectionOf(atOnce)).message).toBe("companion broke");
  const atTheEnd = runAlongside(
    async (signal) => {
      await once(signal, "abort");
      await broken("companion");
    },
    () => Promise.resolve(),
  );
  expect((await rejectionOf(atTheEnd)).message).toBe("companion broke");
});
