/** Finding QEMU processes, and which of them are trusted. A made-up /proc leads to real sockets. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, rm, symlink } from "node:fs/promises";
import { createQemuFinder } from "../../../src/discovery/qemu/qemu.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { AGENT_PORT, OWN_PORTS, PORTS_WITH_AGENT } from "../endpoint-sample.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const signal = new AbortController().signal;
const PORT = "negotiator-host-to-guest.0";
const SELF = process.geteuid?.() ?? 0;

type Process = { exe?: string; uids?: number[]; root?: string; cwd?: string };

/** Adds a process to the made-up /proc. */
async function addProcess(
  directory: TemporaryDirectory,
  pid: number,
  argv: string[],
  options: Process = {},
): Promise<void> {
  const { exe = "/usr/bin/qemu-system-x86_64", uids = [SELF, SELF, SELF, SELF], root = "/", cwd } = options;
  await directory.write(`proc/${pid}/cmdline`, ["qemu", ...argv, ""].join("\0"));
  await directory.write(`proc/${pid}/status`, `Name:\tqemu\nUid:\t${uids.join("\t")}\nGid:\t0\t0\t0\t0\n`);
  await symlink(exe, directory.at(`proc/${pid}/exe`));
  await symlink(root, directory.at(`proc/${pid}/root`));
  await symlink(cwd ?? directory.path, directory.at(`proc/${pid}/cwd`));
}

function words(path: string, name?: string, port = PORT): string[] {
  const escaped = path.replaceAll(",", ",,");
  return [
    ...(name === undefined ? [] : ["-name", `guest=${name},debug-threads=on`]),
    "-chardev",
    `socket,id=c0,path=${escaped},server=on,wait=off`,
    "-device",
    `virtserialport,chardev=c0,name=${port}`,
  ];
}

async function createHost() {
  const directory = await createTemporaryDirectory();
  await mkdir(directory.at("proc"));
  await mkdir(directory.at("run"));
  const path = directory.at("run", "s,1");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  const find = (trustedUids?: number[], ports = OWN_PORTS) =>
    createQemuFinder({ ports, procDirectory: directory.at("proc"), ...(trustedUids && { trustedUids }) })(
      signal,
    );
  return {
    directory,
    path,
    find,
    async [Symbol.asyncDispose]() {
      listener.stop(true);
      await directory[Symbol.asyncDispose]();
    },
  };
}

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
  expect(endpoints).toEqual([{ guest: "web1,a", port: PORT, path, source: "qemu", uid: SELF }]);

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
    endpoints: [{ guest: "web1", port: AGENT_PORT, path: host.path, source: "qemu", uid: SELF }],
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

test.each(["/usr/bin/qemu-system-aarch64", "/usr/libexec/qemu-kvm", "/opt/qemu-system-x86_64 (deleted)"])(
  "the program %s counts as QEMU",
  async (exe) => {
    await using host = await createHost();
    await addProcess(host.directory, 11, words(host.path, "a"), { exe });
    expect((await host.find()).endpoints).toHaveLength(1);
  },
);

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
  await host.directory.write("proc/self/cmdline", "");
  await addProcess(host.directory, 23, []);
  await addProcess(host.directory, 24, words(host.path, "a"));
  expect((await host.find()).endpoints).toHaveLength(1);
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
  expect(problems[0]?.message).toContain('guest "web1\\x1b[2J" of QEMU process 11: it runs as user 4711');
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

test("a process of an untrusted user without known ports is not a problem", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, ["-name", "a"], { uids: [4711, 4711, 4711, 4711] });
  expect((await host.find()).problems).toEqual([]);
});

test("12 untrusted processes with long names give nine short problems", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  const uids = [SELF + 1, SELF + 1, SELF + 1, SELF + 1];
  const messages = async (): Promise<string[]> =>
    (await host.find()).problems.map((problem) => problem.message);
  for (let pid = 1000; pid < 1012; pid++)
    await addProcess(directory, pid, words(path, "x".repeat(10_000)), { uids });
  const reported = await messages();
  expect(reported).toHaveLength(9);
  expect(reported[0]).toStartWith(`Cannot use the guest "${"x".repeat(64)}…" of QEMU process 1000: `);
  for (const message of reported) expect(message.length).toBeLessThan(400);
  await addProcess(directory, 1012, words(path, "more"), { uids });
  expect(await messages()).toEqual(reported);
  await addProcess(directory, 2000, words("/nowhere", "trusted"));
  expect((await messages())[0]).toStartWith('Cannot use the guest "trusted" of QEMU process 2000: ');
});

async function objections(host: Awaited<ReturnType<typeof createHost>>, path: string, options?: Process) {
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

test("a socket in a directory that is writable for all is refused, except with the sticky bit", async () => {
  await using host = await createHost();
  await chmod(host.directory.path, 0o777);
  expect(await objections(host, host.path)).toContain(`everybody may write to "${host.directory.path}"`);
  await chmod(host.directory.path, 0o1777);
  expect((await host.find()).endpoints).toHaveLength(1);
});

test("a path that is another file in the process's root directory is refused", async () => {
  await using host = await createHost();
  const root = host.directory.at("container");
  const inside = `container${host.path}`;
  await host.directory.write(inside, "");
  expect(await objections(host, host.path, { root })).toContain(
    "is another file in the process's root directory",
  );
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
