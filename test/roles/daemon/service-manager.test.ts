/** News for systemd: datagrams to a socket with a name in the file system or without. */
import { expect, test } from "bun:test";
import { closeSync, openSync, statSync } from "node:fs";
import { isJournal, notifyService } from "../../../src/roles/daemon/service-manager.ts";
import { listenForNews } from "../../support/notify-socket.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test("news arrive at a socket of the file system, and at an abstract one", async () => {
  await using directory = await createTemporaryDirectory();
  for (const path of [directory.at("notify"), `@negotiator-test-${process.pid}`]) {
    using news = listenForNews(path);
    notifyService(path, "READY=1");
    notifyService(path, "STATUS=grün\nSTOPPING=1");
    expect(news.messages()).toEqual(["READY=1", "STATUS=grün\nSTOPPING=1"]);
  }
});

test.each([[undefined], [""]])("nothing is done without a service manager: %p", async (socket) => {
  const { stderr } = await spyOnOutput(() => notifyService(socket, "READY=1"));
  expect(stderr).toBe("");
});

test.each([
  ["/nonexistent/notify", 'Cannot notify the service manager at "/nonexistent/notify"'],
  [`/${"x".repeat(107)}`, "is too long"],
  ["relative", 'Cannot notify the service manager at "relative"'],
])("%p is a warning and nothing more", async (socket, part) => {
  const { stderr } = await spyOnOutput(() => notifyService(socket, "READY=1"));
  expect(stderr).toStartWith("WARN service: ");
  expect(stderr).toContain(part);
});

test.each([
  ["of this very file", (path: string) => path, true],
  ["of another one", () => "/dev/null", false],
])("the journal's stream is known by device and inode: %s", async (_, named, expected) => {
  await using directory = await createTemporaryDirectory();
  const path = await directory.write("stream", "");
  const { dev, ino } = statSync(named(path), { bigint: true });
  const descriptor = openSync(path, "r");
  expect(isJournal(`${dev}:${ino}`, descriptor)).toBe(expected);
  closeSync(descriptor);
});

test("without the journal's variable there is no journal", () => {
  expect(isJournal(undefined, 2)).toBe(false);
});
