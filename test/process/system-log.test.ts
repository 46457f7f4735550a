/** Copies of audit lines for the journal and for syslog. */
import { expect, test } from "bun:test";
import { createSystemLog } from "../../src/process/system-log.ts";
import type { SystemLog } from "../../src/process/system-log.ts";
import { listenForNotifications } from "../support/notify-socket.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const LINE = '{"command":"uptime","problem":"\\u001b[2J\\n"}';

test("the journal gets the line as MESSAGE of negotiator-audit, with facility and priority", async () => {
  await using directory = await createTemporaryDirectory();
  using socket = listenForNotifications(directory.at("journal"));
  createSystemLog("journal", directory.at("journal"))(LINE);
  expect(socket.messages()).toEqual([
    `PRIORITY=6\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=negotiator-audit\nMESSAGE=${LINE}\n`,
  ]);
});

test("syslog gets the line with priority, time and process", async () => {
  await using directory = await createTemporaryDirectory();
  using socket = listenForNotifications(directory.at("log"));
  createSystemLog("syslog", directory.at("log"))(LINE);
  const [message = ""] = socket.messages();
  expect(message).toMatch(/^<86>[A-Z][a-z]{2} [ 123]\d \d\d:\d\d:\d\d negotiator-audit\[\d+\]: \{/);
  expect(message).toEndWith(`]: ${LINE}`);
});

test.each<SystemLog>(["journal", "syslog"])("sending to a %s that is not there throws NO_CHANNEL", (kind) => {
  expect(() => createSystemLog(kind, "/nonexistent/socket")(LINE)).toThrow(
    `Cannot send audit lines to ${kind} at "/nonexistent/socket"\n`,
  );
});

test("a receiver that does not read makes sending throw, and not wait", async () => {
  await using directory = await createTemporaryDirectory();
  using _ = listenForNotifications(directory.at("log"));
  const send = createSystemLog("syslog", directory.at("log"));
  expect(() => {
    for (let line = 0; line < 10_000; line++) send("x".repeat(10_000));
  }).toThrow("Cannot send audit lines to syslog");
});
