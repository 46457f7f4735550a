/** Finding QEMU processes, and which of them are trusted. A made-up /proc leads to real sockets. */
import { expect, test } from "bun:test";
import { closeSync, constants, openSync } from "node:fs";
import { chmod, chown, mkdir, readlink, rm, symlink } from "node:fs/promises";
import { combineFinders } from "../../../src/discovery/merge.ts";
import { createQemuFinder } from "../../../src/discovery/qemu/qemu.ts";
import { errnoOf, NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";
import { AGENT_PORT, OWN_PORTS, PORTS_WITH_AGENT } from "../endpoint-sample.ts";
import { addProcess, createHost, PORT, SELF, START, words } from "./made-up-host.ts";
import type { MadeUpProcess } from "./made-up-host.ts";

const signal = new AbortController().signal;

test("a name or a socket that is not UTF-8 is a problem, and no other socket is taken for it", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  const add = async (pid: number, argv: string[]): Promise<void> => {
    await addProcess(directory, pid, []);
    const bytes = Buffer.from(`qemu\0${argv.join("\0")}\0`, "latin1");
    await Bun.write(directory.at(`proc/${pid}/cmdline`), bytes);
  };
  await add(11, [...words(path, "web1"), "-drive", "file=\xff"]);
  await add(12, words(`${path}-\xff`, "web2"));
  await add(13, words(path, "web\xff"));
  const other = Bun.listen({ unix: `${path}-\ufffd`, socket: { data() {} } });
  const { endpoints, problems } = await host.find();
  other.stop(true);
  expect(endpoints.map(({ guest }) => guest)).toEqual(["web1"]);
  expect(problems.map(({ message }) => message.split("\n")[0])).toEqual([
    'Cannot use the guest "web2" of QEMU process 12: the path of its socket is not UTF-8',
    'Cannot use the guest "web\ufffd" of QEMU process 13: its name is not UTF-8',
  ]);
});

test("a process that has no port of ours may have a command line that is not UTF-8", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 12, []);
  await Bun.write(host.directory.at("proc/12/cmdline"), Buffer.from("qemu\0-name\0\xff\0", "latin1"));
  expect(await host.find()).toMatchObject({ endpoints: [], problems: [] });
});

test("a guest is called by its name, without one by its UUID, without both by its process", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  await addProcess(directory, 11, words(path, "web1,,a"));
  const { endpoints, problems } = await host.find();
  expect(problems).toEqual([]);
  const qemu = { pid: 11, startTicks: START };
  expect(endpoints).toEqual([{ guest: "web1,a", port: PORT, path, source: "qemu", uid: SELF, qemu }]);

  await rm(directory.at("proc/11"), { recursive: true });
  await addProcess(directory, 12, words(path));
  const uuid = "c7a5fdbd-cdaf-9455-926a-d65c16db1809";
  await addProcess(directory, 13, ["-uuid", uuid.toUpperCase(), ...words(path)]);
  const found = (await host.find()).endpoints;
  expect(found.map(({ guest, uuid }) => [guest, uuid])).toEqual([
    ["qemu-12", undefined],
    [uuid, uuid],
  ]);
});

test("the port of another program is reported when it is known, and otherwise not", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words(host.path, "web1", AGENT_PORT));
  expect(await host.find(undefined, PORTS_WITH_AGENT)).toEqual({
    endpoints: [
      {
        guest: "web1",
        port: AGENT_PORT,
        path: host.path,
        source: "qemu",
        uid: SELF,
        qemu: { pid: 11, startTicks: START },
      },
    ],
    problems: [],
    unread: [],
  });
  expect(await host.find()).toEqual({ endpoints: [], problems: [], unread: [] });
});

test("a relative path starts at the process's working directory", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words("s,1", "a"), { cwd: host.directory.at("run") });
  expect((await host.find()).endpoints.map(({ path }) => path)).toEqual([host.path]);
});

test.each(["qemu-system-aarch64", "qemu-kvm"])("the program %s counts as QEMU", async (name) => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words(host.path, "a"), { exe: host.directory.at("bin", name) });
  expect((await host.find()).endpoints).toHaveLength(1);
});

test.each(["/usr/bin/sudo", "/usr/bin/python3", "/tmp/not-qemu-system-x86_64", "/usr/bin/qemu-img"])(
  "the program %s does not count as QEMU",
  async (exe) => {
    await using host = await createHost();
    await addProcess(host.directory, 11, words(host.path, "a"), { exe });
    expect(await host.find()).toEqual({ endpoints: [], problems: [], unread: [] });
  },
);

test("processes that end during the scan and other files in /proc do not hide a guest", async () => {
  await using host = await createHost();
  await mkdir(host.directory.at("proc/21"));
  await mkdir(host.directory.at("proc/22"));
  await symlink("/usr/bin/qemu-system-x86_64", host.directory.at("proc/22/exe"));
  await host.directory.write("proc/uptime", "");
  await addProcess(host.directory, 23, []);
  await addProcess(host.directory, 24, words(host.path, "a"));
  expect((await host.find()).endpoints).toHaveLength(1);
});

test("a port that is not on a socket of QEMU is a problem, with the options that help", async () => {
  await using host = await createHost();
  const device = ["-device", `virtserialport,chardev=c,name=${PORT}`];
  await addProcess(host.directory, 11, ["-name", "web 1", "-chardev", "pty,id=c", ...device]);
  const { endpoints, problems } = await host.find();
  expect(endpoints).toEqual([]);
  expect(problems.map(({ message }) => message)).toEqual([
    `Cannot use the guest "web 1" of QEMU process 11: its port ${PORT} is on a chardev of the kind "pty", ` +
      "and not on a unix socket at which QEMU listens\n" +
      "Start it with these: negotiator host add-channel --print-qemu-args 'web 1'",
  ]);
});

test.each([
  ["real", [4711, SELF, SELF, SELF]],
  ["effective", [SELF, 4711, SELF, SELF]],
  ["saved", [SELF, SELF, 4711, SELF]],
])("a process with an untrusted %s user id is refused with DENIED", async (_, uids) => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words(host.path, "web1\u001b[2J"), { uids });
  const { endpoints, problems } = await host.find();
  expect(endpoints).toEqual([]);
  expect(problems.map(({ code }) => code)).toEqual(["DENIED"]);
  expect(problems[0]?.message).toStartWith("Cannot use the QEMU process 11: it runs as user 4711, ");
  const trusting = await host.find([SELF, 4711]);
  expect(trusting.problems.map(({ message }) => message)).not.toContainEqual(
    expect.stringContaining("trusted"),
  );
});

test("a process whose status has no user ids is refused with DENIED", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words(host.path, "web1"));
  await host.directory.write("proc/11/status", "Name:\tqemu\nGid:\t0\t0\t0\t0\n");
  const { endpoints, problems } = await host.find();
  expect(endpoints).toEqual([]);
  expect(problems).toMatchObject([{ code: "DENIED", message: expect.stringContaining("user unknown") }]);
});

test("a process of an untrusted user is a problem, and its command line is not read", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, ["-name", "a"], { uids: [4711, 4711, 4711, 4711] });
  await rm(host.directory.at("proc/11/cmdline"));
  // A reader would wait for a writer.
  await Bun.$`mkfifo ${host.directory.at("proc/11/cmdline")}`.quiet();
  const { problems } = await host.find();
  expect(problems).toMatchObject([{ code: "DENIED", message: expect.stringContaining("user 4711") }]);
});

test("a trusted process whose command line does not answer is a problem, and hinders no other", async () => {
  await using host = await createHost();
  for (let pid = 11; pid < 16; pid++) {
    await addProcess(host.directory, pid, []);
    await rm(host.directory.at(`proc/${pid}/cmdline`));
    await Bun.$`mkfifo ${host.directory.at(`proc/${pid}/cmdline`)}`.quiet();
  }
  await addProcess(host.directory, 16, words(host.path, "web1"));
  const scan = host.find();
  // The thread pool is free for others.
  expect(await readlink(host.directory.at("proc/11/exe"))).toBe(host.directory.at("bin/qemu-system-x86_64"));
  const { endpoints, problems } = await scan;
  expect(endpoints.map(({ guest }) => guest)).toEqual(["web1"]);
  expect(problems.map(({ message }) => message.split("\n")[0])).toContain(
    `Cannot use the QEMU process 11: "${host.directory.path}/proc/11/cmdline" does not answer within 2000 ms`,
  );
});

test("a look that is given up while it reads a command line rejects with the reason", async () => {
  await using host = await createHost();
  const line = host.directory.at("proc/11/cmdline");
  await addProcess(host.directory, 11, []);
  await rm(line);
  await Bun.$`mkfifo ${line}`.quiet();
  const control = new AbortController();
  const find = createQemuFinder({ ports: OWN_PORTS, procDirectory: host.directory.at("proc") });
  const error = rejectionOf(find(control.signal));
  using cleanup = new DisposableStack();
  cleanup.adopt(await until("the command line is read", () => openIfRead(line)), closeSync);
  control.abort(new NegotiatorError("CANCELLED", "given up"));
  expect((await error).message).toBe("given up");
});

/** Opens the writing end of a pipe, if a process has the reading end. */
function openIfRead(path: string): number | undefined {
  try {
    return openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
  } catch (thrown) {
    if (errnoOf(thrown) === "ENXIO") return undefined;
    throw thrown;
  }
}

test("12 untrusted processes give nine short problems", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  const uids = [SELF + 1, SELF + 1, SELF + 1, SELF + 1];
  const messages = async (): Promise<string[]> =>
    (await host.find()).problems.map((problem) => problem.message);
  for (let pid = 1000; pid < 1012; pid++)
    await addProcess(directory, pid, words(path, "x".repeat(10_000)), { uids });
  const reported = await messages();
  expect(reported).toHaveLength(9);
  expect(reported[0]).toStartWith("Cannot use the QEMU process 1000: ");
  for (const message of reported) expect(message.length).toBeLessThan(400);
  await addProcess(directory, 1012, words(path, "more"), { uids });
  expect(await messages()).toEqual(reported);
  await addProcess(directory, 2000, words("/nowhere", "trusted"));
  expect((await messages())[0]).toStartWith('Cannot use the guest "trusted" of QEMU process 2000: ');
});

async function objections(
  host: Awaited<ReturnType<typeof createHost>>,
  path: string,
  options?: MadeUpProcess,
) {
  await addProcess(host.directory, 11, words(path, "a"), options);
  const { endpoints, problems } = await host.find();
  expect(endpoints).toEqual([]);
  expect(problems.map(({ code }) => code)).toEqual(["DENIED"]);
  return problems[0]?.message;
}

test("a path that is a file, a link or missing is refused with DENIED", async () => {
  await using host = await createHost();
  const file = await host.directory.write("run/file", "");
  expect(await objections(host, file)).toContain("is not a socket");
  await rm(host.directory.at("proc/11"), { recursive: true });
  await symlink(host.path, host.directory.at("run/link"));
  expect(await objections(host, host.directory.at("run/link"))).toContain("is not a socket");
  await rm(host.directory.at("proc/11"), { recursive: true });
  expect(await objections(host, host.directory.at("run/none"))).toContain("ENOENT");
});

test("a socket in a directory that is writable for all is refused, also with the sticky bit", async () => {
  await using host = await createHost();
  const run = host.directory.at("run");
  await chmod(run, 0o777);
  expect(await objections(host, host.path)).toContain(`everybody may write to "${run}"`);
  await chmod(run, 0o1777);
  expect((await host.find()).problems[0]?.message).toContain(`others may make files in "${run}"`);
  await chmod(run, 0o755);
  await chmod(host.directory.path, 0o1777);
  expect((await host.find()).endpoints).toHaveLength(1);
});

test.each([
  ["user", "user"],
  ["process", "pid"],
  ["mount", "mnt"],
])("a process in another %s namespace is refused with DENIED", async (called, kind) => {
  await using host = await createHost();
  expect(await objections(host, host.path, { namespaces: { [kind]: "2" } })).toStartWith(
    `Cannot use the QEMU process 11: it runs in another ${called} namespace, as in a container\n`,
  );
});

test("a process with another root directory is refused with DENIED", async () => {
  await using host = await createHost();
  expect(await objections(host, host.path, { root: host.directory.at("container") })).toContain(
    "it has another root directory, as in a container",
  );
});

test("a program that others could change, or that is another file here, is refused", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  const find = async (exe: string, prepare: () => Promise<unknown>): Promise<string | undefined> => {
    await prepare();
    await addProcess(directory, 11, words(path, "a"), { exe });
    const { endpoints, problems } = await host.find();
    await rm(directory.at("proc/11"), { recursive: true });
    expect(endpoints).toEqual([]);
    return problems[0]?.message;
  };
  const exe = directory.at("bin/qemu-kvm");
  expect(await find(exe, () => chmod(exe, 0o775))).toContain("has a program that others can change: ");
  expect(await find(exe, () => chmod(directory.at("bin"), 0o777))).toContain(
    `has a program that others can replace: everybody may write to "${directory.at("bin")}"`,
  );
  await chmod(directory.at("bin"), 0o755);
  expect(await find(directory.at("none/qemu-kvm"), async () => undefined)).toContain(
    "has a program that is not there",
  );
  // The kernel adds the suffix, but here the file has this name.
  const named = await directory.write("bin/qemu-kvm (deleted)", "");
  expect(await find(named, () => chmod(exe, 0o755))).toContain(`has a program that is not our "${exe}"`);
});

test("two processes that claim one socket are a clash, and neither is used", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  await addProcess(directory, 11, words(path, "web1"));
  await addProcess(directory, 12, [...words(path, "web1"), "-smp", "2"]);
  const { find } = host;
  const { endpoints, problems, clashes } = await combineFinders({ qemu: () => find() })(signal);
  expect(endpoints).toEqual([]);
  expect(clashes?.map(({ guests }) => guests)).toEqual([["web1"]]);
  expect(problems[0]?.message).toStartWith(
    `Cannot tell two guests apart: "web1" at "${path}" (qemu, process 11) and ` +
      `"web1" at "${path}" (qemu, process 12) have the same socket; neither is used\n`,
  );
});

test("a child with the command line of its parent, as of QEMU while it starts, does not count", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words(host.path, "web1"));
  await addProcess(host.directory, 12, words(host.path, "web1"), { parent: 11 });
  expect((await host.find()).endpoints.map(({ qemu }) => qemu?.pid)).toEqual([11]);
});

test("a command line is read once for each process", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  await addProcess(directory, 11, words(path, "web1"));
  const names = async (): Promise<string[]> => (await host.find()).endpoints.map(({ guest }) => guest);
  const find = createQemuFinder({ ports: OWN_PORTS, procDirectory: directory.at("proc") });
  const kept = async (): Promise<string[]> => (await find(signal)).endpoints.map(({ guest }) => guest);
  expect([await names(), await kept()]).toEqual([["web1"], ["web1"]]);
  await directory.write("proc/11/cmdline", ["qemu", ...words(path, "web2"), ""].join("\0"));
  expect([await names(), await kept()]).toEqual([["web2"], ["web1"]]);
  await rm(directory.at("proc/11"), { recursive: true });
  await addProcess(directory, 11, words(path, "web2"), { startTicks: START + 1 });
  expect(await kept()).toEqual(["web2"]);
});

const GIVING_AWAY = "a socket or a directory of another user is refused";
if (SELF === 0 || process.env["CI"] === "true") {
  test(GIVING_AWAY, async () => {
    await using host = await createHost();
    await chown(host.path, 4711, 0);
    expect(await objections(host, host.path)).toContain("belongs to user 4711");
    await chown(host.path, 0, 0);
    await chown(host.directory.at("run"), 4711, 0);
    const { endpoints, problems } = await host.find();
    expect([endpoints.length, problems.length]).toEqual([0, 1]);
    await addProcess(host.directory, 12, words(host.path, "b"), { uids: [4711, 4711, 4711, 4711] });
    expect((await host.find([0, 4711])).endpoints.map(({ guest }) => guest)).toEqual(["b"]);
  });
} else {
  console.warn(`Skipped: "${GIVING_AWAY}": only root can change a file's owner\nRun the tests as root`);
}

test("a missing /proc rejects with NO_CHANNEL", async () => {
  await using directory = await createTemporaryDirectory();
  const find = createQemuFinder({ ports: OWN_PORTS, procDirectory: directory.at("none") });
  expect((await rejectionOf(find(signal))).code).toBe("NO_CHANNEL");
});

test("a scan of this machine's /proc reads everything", async () => {
  const { unread } = await createQemuFinder({ ports: OWN_PORTS })(signal);
  expect(unread).toEqual([]);
});
