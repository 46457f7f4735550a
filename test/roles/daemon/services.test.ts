/** A daemon's services: calls and notices of one caller reach the dispatcher and its audit. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { createServices } from "../../../src/roles/daemon/services.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { readAudit } from "../../support/audit-lines.ts";
import { createServedLink } from "../../support/served-link.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { unsetConfig } from "../../support/unset-config.ts";
import { until } from "../../support/until.ts";

test.each([true, false])("rawPayloads = %p is what the daemon offers on its ports", async (rawPayloads) => {
  await using directory = await createTemporaryDirectory();
  const places = {
    policyFile: directory.at("none"),
    audit: { ...DEFAULTS.audit, file: directory.at("audit") },
  };
  await using services = createServices("host", unsetConfig({ ...DEFAULTS, ...places, rawPayloads }));
  expect(services.offersRaw).toBe(rawPayloads);
});

test("calls and notices of a guest count as running, and the audit file has them", async () => {
  await using directory = await createTemporaryDirectory();
  const file = directory.at("audit.jsonl");
  const places = { policyFile: directory.at("none"), audit: { ...DEFAULTS.audit, file } };
  await using services = createServices("host", unsetConfig({ ...DEFAULTS, ...places }));
  const { call, notice } = services.serve({ via: "guest", name: "web1" });
  const counts: number[] = [];
  await using link = createServedLink(
    (incoming) => {
      call(incoming);
      counts.push(services.runningCount);
    },
    (method, params) => {
      notice({ method, params });
      counts.push(services.runningCount);
    },
  );
  link.caller.notify("execute", { command: "uptime" });
  const params = { command: "find-distributor-id" };
  expect((await link.caller.call({ method: "execute", params }).answer).result).toMatchObject({
    exitCode: 0,
  });
  await until("both have ended", () => services.runningCount === 0);
  expect(Math.min(...counts)).toBeGreaterThan(0);
  expect(await readAudit(file, 2)).toMatchObject([
    { peer: { guest: "web1" }, method: "execute", errorCode: "BAD_REQUEST" },
    { peer: { guest: "web1" }, method: "execute", command: "find-distributor-id", builtin: true },
  ]);
});

test("services that stop start no command, answer other calls, and write both down", async () => {
  await using directory = await createTemporaryDirectory();
  const file = directory.at("audit.jsonl");
  const places = { policyFile: directory.at("none"), audit: { ...DEFAULTS.audit, file } };
  await using services = createServices("host", unsetConfig({ ...DEFAULTS, ...places }));
  await using link = createServedLink(services.serve({ via: "guest", name: "web1" }).call);
  services.refuseStarts();
  const params = { command: "find-distributor-id" };
  expect(await rejectionOf(link.caller.call({ method: "execute", params }).answer)).toMatchObject({
    code: "BUSY",
    message: expect.stringContaining("The host's daemon stops, and takes no new calls\nTry again"),
  });
  expect(services.runningCount).toBe(0);
  expect((await link.caller.call({ method: "list-commands", params: {} }).answer).result).toBeDefined();
  expect(await readAudit(file, 2)).toMatchObject([
    { method: "execute", command: "find-distributor-id", errorCode: "BUSY" },
    { method: "list-commands" },
  ]);
});

test("disposing waits for a cancelled command, and the audit file has its end", async () => {
  await using directory = await createTemporaryDirectory();
  const script = "#!/bin/sh\ntrap 'sleep 0.2; exit 7' TERM\necho ready\nwhile :; do sleep 0.01; done\n";
  await chmod(await directory.write("commands/slow", script), 0o755);
  const file = directory.at("audit.jsonl");
  const places = {
    policyFile: directory.at("none"),
    commandsDirectory: [directory.at("commands")],
    audit: { ...DEFAULTS.audit, file },
  };
  const services = createServices("host", unsetConfig({ ...DEFAULTS, ...places }));
  const { call } = services.serve({ via: "guest", name: "web1" });
  await using link = createServedLink(call);
  const running = link.caller.call({ method: "execute", params: { command: "slow" }, read: ["stdout"] });
  await running.reader("stdout")[Symbol.asyncIterator]().next();
  running.cancel("the daemon stops");
  await services[Symbol.asyncDispose]();
  expect(await readAudit(file)).toMatchObject([{ command: "slow", exitCode: 7, endedBy: "cancel" }]);
});
