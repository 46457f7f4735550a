/** The follower of a source of events: what it reports, and when it runs. */
import { expect, test } from "bun:test";
import { createFollower } from "../../src/discovery/follower.ts";
import { createChanges, until } from "./watch-stage.ts";
import type { ChangeSource } from "./watch-stage.ts";

/** Returns a follower and the sources that it has started. */
function createSample() {
  const sources: ChangeSource[] = [];
  const controller = new AbortController();
  const follower = createFollower((signal) => createChanges(signal, sources), controller.signal);
  return { follower, sources, controller, source: () => sources.at(-1) };
}

/** Lets all that is ready run. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setImmediate(resolve));
}

const isPending = (promise: Promise<unknown>): boolean => Bun.peek.status(promise) === "pending";

test("a follower without a source is fine, and reports no change, no loss and no problem", async () => {
  const follower = createFollower(undefined, new AbortController().signal);
  expect(follower.isFine).toBe(true);
  follower.listen();
  const [changed, byGuest, lost] = [follower.changed(), follower.changedByGuest(), follower.lost()];
  await follower.ended();
  await settle();
  expect([changed, byGuest, lost].map(isPending)).toEqual([true, true, true]);
  expect(follower.isFine).toBe(true);
  expect(follower.takeProblems()).toEqual([]);
});

test("a second listen does not start the source again while it runs", async () => {
  const { follower, sources, controller } = createSample();
  expect(follower.isFine).toBe(false);
  await follower.lost();
  follower.listen();
  follower.listen();
  await settle();
  expect(sources).toHaveLength(1);
  expect(follower.isFine).toBe(true);
  expect(isPending(follower.lost())).toBe(true);
  controller.abort();
  await follower.ended();
});

test("a change and a change by a guest resolve only their promise, and listen discards them", async () => {
  const { follower, source, controller } = createSample();
  follower.listen();
  await settle();
  source()?.change();
  await follower.changed();
  expect(isPending(follower.changedByGuest())).toBe(true);
  follower.listen();
  source()?.changeByGuest();
  await follower.changedByGuest();
  expect(isPending(follower.changed())).toBe(true);
  follower.listen();
  expect(isPending(follower.changedByGuest())).toBe(true);
  controller.abort();
  await follower.ended();
});

test("names of saved guests are taken once, and an event without a name adds none", async () => {
  const { follower, source, controller } = createSample();
  follower.listen();
  await settle();
  source()?.change();
  await settle();
  expect([...follower.takeSaved()]).toEqual([]);
  source()?.change("web1");
  await settle();
  source()?.change("web2");
  await settle();
  expect([...follower.takeSaved()]).toEqual(["web1", "web2"]);
  expect([...follower.takeSaved()]).toEqual([]);
  controller.abort();
  await follower.ended();
});

test("a source that ends is lost, with one problem, and listen starts it again", async () => {
  const { follower, sources, source, controller } = createSample();
  follower.listen();
  await settle();
  source()?.fail();
  await follower.lost();
  await until(() => !follower.isFine);
  const [problem, ...others] = follower.takeProblems();
  expect(others).toEqual([]);
  expect(problem?.code).toBe("CLOSED");
  expect(problem?.message).toContain("Wait: the daemon follows again by itself");
  expect(follower.takeProblems()).toEqual([]);
  follower.listen();
  await settle();
  expect(sources).toHaveLength(2);
  expect(follower.isFine).toBe(true);
  source()?.fail(new Error("virsh died"));
  await follower.ended();
  expect(follower.takeProblems().map(({ message }) => message)).toEqual(["virsh died"]);
  controller.abort();
});
