/** Messages to the watchdog of the service manager. */
import { expect, test } from "bun:test";
import { notifyService } from "../../../src/roles/daemon/service-manager.ts";
import { allowForStart, feedWatchdog, restoreWatchdog } from "../../../src/roles/daemon/watchdog.ts";
import { waitTurns } from "../../support/event-loop.ts";
import { listenForNotifications } from "../../support/notify-socket.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const OURS = String(process.pid);

test("the first message comes at once, and has the time of the unit", async () => {
  await using directory = await createTemporaryDirectory();
  using news = listenForNotifications(directory.at("socket"));
  using _ = feedWatchdog({ usec: "300000000", pid: OURS, socket: directory.at("socket") });
  await until("a message came", () => news.messages().length > 0);
  expect(news.messages()).toEqual(["WATCHDOG_USEC=300000000\nWATCHDOG=1"]);
});

test.each<[string, string, number]>([
  ["a shorter time becomes two minutes", "30000000", 120_000_000],
  ["a longer time stays", "300000000", 300_000_000],
])("for the start of the next program %s, and can be restored", async (_title, usec, extended) => {
  await using directory = await createTemporaryDirectory();
  using news = listenForNotifications(directory.at("socket"));
  const request = { usec, pid: OURS, socket: directory.at("socket") };
  allowForStart(request);
  restoreWatchdog(request);
  allowForStart({ ...request, usec: undefined });
  await until("both came", () => news.messages().length > 1);
  expect(news.messages()).toEqual([extended, usec].map((each) => `WATCHDOG_USEC=${each}\nWATCHDOG=1`));
});

test("then three come in the time that the watchdog waits, until it is no longer fed", async () => {
  await using directory = await createTemporaryDirectory();
  using news = listenForNotifications(directory.at("socket"));
  const startMs = performance.now();
  const feeding = feedWatchdog({ usec: "300000", pid: OURS, socket: directory.at("socket") });
  await until("four messages came", () => news.messages().length >= 4);
  expect(performance.now() - startMs).toBeGreaterThan(250);
  expect(new Set(news.messages().slice(1))).toEqual(new Set(["WATCHDOG=1"]));
  feeding[Symbol.dispose]();
  const { length } = news.messages();
  await Bun.sleep(150);
  expect(news.messages()).toHaveLength(length);
});

test("a loop that stands still sends nothing", async () => {
  await using directory = await createTemporaryDirectory();
  using news = listenForNotifications(directory.at("socket"));
  using _ = feedWatchdog({ usec: "30000", pid: undefined, socket: directory.at("socket") });
  const endMs = performance.now() + 100;
  while (performance.now() < endMs);
  // The first one was sent before the loop stood still.
  expect(news.messages().length).toBeLessThanOrEqual(1);
  await until("the loop turns again", () => news.messages().length > 1);
});

test.each<[string, string | undefined, string | undefined, string]>([
  ["without a time", undefined, undefined, "socket"],
  ["for another process", "3000", "1", "socket"],
  ["with a time that is not a number", "soon", OURS, "socket"],
  ["with the time 0", "0", OURS, "socket"],
])("%s nothing is sent", async (_title, usec, pid, name) => {
  await using directory = await createTemporaryDirectory();
  using news = listenForNotifications(directory.at(name));
  using _ = feedWatchdog({ usec, pid, socket: directory.at(name) });
  await Bun.sleep(20);
  await waitTurns(3);
  expect(news.messages()).toEqual([]);
});

test("a service manager that does not read holds up nothing, and gets all messages in order", async () => {
  await using directory = await createTemporaryDirectory();
  using news = listenForNotifications(directory.at("socket"));
  // More than the queue of a socket takes by default (net.unix.max_dgram_qlen).
  const states = Array.from({ length: 60 }, (_, index) => `STATUS=${index}`);
  const startMs = performance.now();
  for (const state of states) notifyService(directory.at("socket"), state);
  expect(performance.now() - startMs).toBeLessThan(20_000);
  await until("all have come", () => news.messages().length === states.length);
  expect(news.messages()).toEqual(states);
});
