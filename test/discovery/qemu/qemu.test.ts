/** Finding QEMU processes, and which of them are believed. A made-up /proc leads to real sockets. */
import { expect, test } from "bun:test";
import { chmod, chown, mkdir, rm, symlink } from "node:fs/promises";
import { createQemuFinder } from "../../../src/discovery/qemu/qemu.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import type { TemporaryDirectory } from "../../support/temporary-directory.ts";

const signal = new AbortController().signal;
const PORT = "negotiator-host-to-guest.0";
const SELF = process.geteuid?.() ?? 0;

type Process = { exe?: string; uids?: number[]; root?: string; cwd?: string };

/** Puts a process into the made-up /proc; its socket is that of `listen`. */
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

function words(path: string, name?: string): string[] {
  const escaped = path.replaceAll(",", ",,");
  return [
    ...(name === undefined ? [] : ["-name", `guest=${name},debug-threads=on`]),
    "-chardev",
    `socket,id=c0,path=${escaped},server=on,wait=off`,
    "-device",
    `virtserialport,chardev=c0,name=${PORT}`,
  ];
}

async function createHost() {
  const directory = await createTemporaryDirectory();
  await mkdir(directory.at("proc"));
  await mkdir(directory.at("run"));
  const path = directory.at("run", "s,1");
  const listener = Bun.listen({ unix: path, socket: { data() {} } });
  const find = (trustedUids?: number[]) =>
    createQemuFinder({ procDirectory: directory.at("proc"), ...(trustedUids && { trustedUids }) })(signal);
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

test("finds guests by name, by UUID, by process", async () => {
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

test("a relative path counts from the process's directory", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, words("s,1", "a"), { cwd: host.directory.at("run") });
  expect((await host.find()).endpoints.map(({ path }) => path)).toEqual([host.path]);
});

test.each(["/usr/bin/qemu-system-aarch64", "/usr/libexec/qemu-kvm", "/opt/qemu-system-x86_64 (deleted)"])(
  "knows the program %s",
  async (exe) => {
    await using host = await createHost();
    await addProcess(host.directory, 11, words(host.path, "a"), { exe });
    expect((await host.find()).endpoints).toHaveLength(1);
  },
);

test.each(["/usr/bin/sudo", "/usr/bin/python3", "/tmp/not-qemu-system-x86_64", "/usr/bin/qemu-img"])(
  "passes over the program %s",
  async (exe) => {
    await using host = await createHost();
    await addProcess(host.directory, 11, words(host.path, "a"), { exe });
    expect(await host.find()).toEqual({ endpoints: [], problems: [], unread: [] });
  },
);

test("survives processes that end meanwhile and odd entries", async () => {
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
])("a stranger's process is refused by its %s user", async (_, uids) => {
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

test("a stranger without our ports is nobody's business", async () => {
  await using host = await createHost();
  await addProcess(host.directory, 11, ["-name", "a"], { uids: [4711, 4711, 4711, 4711] });
  expect((await host.find()).problems).toEqual([]);
});

test("strangers fill nobody's log, neither by their number nor by their names", async () => {
  await using host = await createHost();
  const { directory, path } = host;
  const uids = [SELF + 1, SELF + 1, SELF + 1, SELF + 1];
  const messages = async (): Promise<string[]> =>
    (await host.find()).problems.map((problem) => problem.message);
  for (let pid = 1000; pid < 1012; pid++)
    await addProcess(directory, pid, words(path, "x".repeat(10_000)), { uids });
  const told = await messages();
  expect(told).toHaveLength(9);
  expect(told[0]).toStartWith(`Cannot use the guest "${"x".repeat(64)}…" of QEMU process 1000: `);
  for (const message of told) expect(message.length).toBeLessThan(400);
  await addProcess(directory, 1012, words(path, "more"), { uids });
  expect(await messages()).toEqual(told);
  // What is wrong with a process of somebody who is trusted is told all the same.
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

test("refuses what is no socket, a link, or not there", async () => {
  await using host = await createHost();
  const file = await host.directory.write("run/file", "");
  expect(await objections(host, file)).toContain("is no socket");
  await rm(host.directory.at("proc/11"), { recursive: true });
  await symlink(host.path, host.directory.at("run/link"));
  expect(await objections(host, host.directory.at("run/link"))).toContain("is no socket");
  await rm(host.directory.at("proc/11"), { recursive: true });
  expect(await objections(host, host.directory.at("run/none"))).toContain("ENOENT");
});

test("refuses a directory that everybody may write to, but not with the sticky bit", async () => {
  await using host = await createHost();
  await chmod(host.directory.path, 0o777);
  expect(await objections(host, host.path)).toContain(`everybody may write to "${host.directory.path}"`);
  await chmod(host.directory.path, 0o1777);
  expect((await host.find()).endpoints).toHaveLength(1);
});

test("refuses a path that is another file where the process runs", async () => {
  await using host = await createHost();
  const root = host.directory.at("container");
  const inside = `container${host.path}`;
  await host.directory.write(inside, "");
  expect(await objections(host, host.path, { root })).toContain("is another file where it runs");
});

const GIVING_AWAY = "refuses a socket or a directory of somebody else";
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
  console.warn(`Left out: "${GIVING_AWAY}": only root can give a file away\nRun the tests as root`);
}

test("says so when there is no /proc", async () => {
  await using directory = await createTemporaryDirectory();
  const find = createQemuFinder({ procDirectory: directory.at("none") });
  expect((await rejectionOf(find(signal))).code).toBe("NO_CHANNEL");
});

test("looks at the real /proc without harm", async () => {
  const { unread } = await createQemuFinder()(signal);
  expect(unread).toEqual([]);
});
