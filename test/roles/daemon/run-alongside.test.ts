/** A task and its background task: how both end. */
import { once } from "node:events";
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { runAlongside } from "../../../src/roles/daemon/run-alongside.ts";
import { rejectionOf } from "../../support/error-of.ts";

const fail = (task: string): Promise<never> =>
  Promise.reject(new NegotiatorError("INTERNAL", `${task} failed`));
const forever = (): Promise<void> => Promise.withResolvers<void>().promise;

test("when main resolves, the background task is aborted and awaited", async () => {
  const steps: string[] = [];
  await runAlongside(
    async (signal) => {
      await once(signal, "abort");
      steps.push("background");
    },
    async () => void steps.push("main"),
  );
  expect(steps).toEqual(["main", "background"]);
});

test("when main fails, the background task is aborted and main's error is thrown", async () => {
  let received: AbortSignal | undefined;
  const background = async (signal: AbortSignal): Promise<void> => {
    received = signal;
    await once(signal, "abort");
  };
  expect((await rejectionOf(runAlongside(background, () => fail("main")))).message).toBe("main failed");
  expect(received?.aborted).toBe(true);
});

test("the error of the background task is thrown, at once or after main has resolved", async () => {
  const atOnce = runAlongside(() => fail("background"), forever);
  expect((await rejectionOf(atOnce)).message).toBe("background failed");
  const atTheEnd = runAlongside(
    async (signal) => {
      await once(signal, "abort");
      await fail("background");
    },
    () => Promise.resolve(),
  );
  expect((await rejectionOf(atTheEnd)).message).toBe("background failed");
});
