/** The facts about a guest are those of its files. */
import { expect, test } from "bun:test";
import { hostname, machine as architecture, release, version } from "node:os";
import {
  createGetLoad,
  createGetUsers,
  createOsInfo,
  GET_HOST_NAME,
} from "../../../src/methods/agent/system.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";
import { USER_PROCESS, utmpRecord } from "./utmp-record.ts";

const KERNEL = { "kernel-release": release(), "kernel-version": version(), machine: architecture() };

test("the name of the host is this machine's", async () => {
  expect(await createAgentCalls([GET_HOST_NAME]).call("guest-get-host-name")).toEqual({
    "host-name": hostname(),
  });
});

test("the values of a release are read with and without quotes", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write(
    "os-release",
    `# ID=no\nID=debian\nNAME="Debian \\"GNU\\" \\\\ Linux"\nPRETTY_NAME='Debian \\x'  \nVERSION=\nXID=7\n` +
      "VERSION_ID=\"12\"\nVARIANT=Server\nVARIANT_ID='server'\n",
  );
  expect(await createAgentCalls([createOsInfo(file)]).call("guest-get-osinfo")).toEqual({
    ...KERNEL,
    id: "debian",
    name: 'Debian "GNU" \\ Linux',
    "pretty-name": "Debian \\x",
    version: "",
    "version-id": "12",
    variant: "Server",
    "variant-id": "server",
  });
});

test("a guest without a file of its release has only the facts of its kernel", async () => {
  expect(await createAgentCalls([createOsInfo("/nowhere")]).call("guest-get-osinfo")).toEqual(KERNEL);
});

test("the load has three numbers", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("loadavg", "0.50 1.25 2.00 1/200 4711\n");
  const calls = createAgentCalls([createGetLoad({ proc: directory.path, sys: "" })]);
  expect(await calls.call("guest-get-load")).toEqual({ load1m: 0.5, load5m: 1.25, load15m: 2 });
});

test("a user who is logged in several times has the first time", async () => {
  await using directory = await createTemporaryDirectory();
  const logins = [
    utmpRecord(USER_PROCESS, "ann", 300, 0),
    utmpRecord(USER_PROCESS, "bob", 50, 0),
    utmpRecord(USER_PROCESS, "ann", 200, 0),
    utmpRecord(USER_PROCESS, "ann", 400, 0),
  ];
  const file = await directory.write("utmp", "");
  await Bun.write(file, Buffer.concat(logins));
  expect(await createAgentCalls([createGetUsers(file)]).call("guest-get-users")).toEqual([
    { user: "ann", "login-time": 200 },
    { user: "bob", "login-time": 50 },
  ]);
});
