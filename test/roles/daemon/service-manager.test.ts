/** Notifications for systemd: datagrams to a socket with a path or with an abstract name. */
import { expect, test } from "bun:test";
import { closeSync, openSync, statSync } from "node:fs";
import { isJournal, notifyService } from "../../../src/roles/daemon/service-manager.ts";
import { listenForNotifications } from "../../support/notify-socket.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test("notifyService reaches a socket with a path and an abstract socket", async () => {
  await using directory = await createTemporaryDirectory();
  for (const path of [directory.at("notify"), `@negotiator-test-${process.pid}`]) {
    using news = listenForNotifications(path);
    notifyService(path, "READY=1");
    notifyService(path, "STATUS=grün\nSTOPPING=1");
    expect(news.messages()).toEqual(["READY=1", "STATUS=grün\nSTOPPING=1"]);
  }
});

test.each([[undefined], [""]])("notifyService with the socket %p logs nothing", async (socket) => {
  const { stderr } = await spyOnOutput(() => notifyService(socket, "READY=1"));
  expect(stderr).toBe("");
});

test.each([
  ["/nonexistent/notify", 'Cannot notify the service manager at "/nonexistent/notify"'],
  [`/${"x".repeat(107)}`, "is too long"],
  ["relative", 'Cannot notify the service manager at "relative"'],
])("notifyService with the unusable socket %p only logs a warning", async (socket, part) => {
  const { stderr } = await spyOnOutput(() => notifyService(socket, "READY=1"));
  expect(stderr).toStartWith("WARN service: ");
  expect(stderr).toContain(part);
});

test.each([
  ["the same file is", (path: string) => path, true],
  ["another file is not", () => "/dev/null", false],
])("%s the journal's stream, by device and inode", async (_, named, expected) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("stream", "");
  const { dev, ino } = statSync(named(path), { bigint: true });
  const descriptor = openSync(path, "r");
  expect(isJournal(`${dev}:${ino}`, descriptor)).toBe(expected);
  closeSync(descriptor);
});

test("without $JOURNAL_STREAM, isJournal returns false", () => {
  expect(isJournal(undefined, 2)).toBe(false);
});
