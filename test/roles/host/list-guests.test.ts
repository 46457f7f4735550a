/** The list of guests: of the daemon, or of a search; without those that have only the QEMU guest agent. */
import { expect, spyOn, test } from "bun:test";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { listGuests } from "../../../src/roles/host/list-guests.ts";
import type { GuestStatus } from "../../../src/roles/host/status.ts";
import { domainXml } from "../../discovery/libvirt/fake-libvirt.ts";
import { PROGRAM } from "../../support/program.ts";
import { runProcess } from "../../support/program-run.ts";
import { createQuickHost, guestStatus } from "../../support/quick-host.ts";
import type { LineOptions, QuickHostOptions } from "../../support/quick-host.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

test.each([
  [["db1"], "1 guest has only the QEMU guest agent\nSee it"],
  [["db1", "db2"], "2 guests have only the QEMU guest agent\nSee them"],
])("of the guests %j none is listed, and the way to see them is said", async (names, problem) => {
  await using directory = await createTemporaryDirectory();
  const tables = names.map(
    (name) =>
      `[[guests]]\nname = "${name}"\nsocket = "${directory.at(name)}"\nport = "org.qemu.guest_agent.0"\n`,
  );
  const host = `[host]\nlibvirt = "no"\nqemu = "no"\ncontrol = "${directory.at("host.sock")}"\n`;
  const config = await directory.write("negotiator.toml", `${host}${tables.join("")}`);
  const run = (...words: string[]) =>
    runProcess([...PROGRAM, "host", "list-guests", "--config", config, ...words]);
  expect(await run()).toMatchObject({
    exitCode: 0,
    stdout: "",
    stderr: `negotiator: ${problem}: negotiator host list-guests --all\n`,
  });
  expect(await run("--all")).toMatchObject({ exitCode: 0, stdout: `${names.join("\n")}\n`, stderr: "" });
});

/** Runs `list-guests` on a host. */
async function listOn(parts: QuickHostOptions, line: LineOptions = {}) {
  await using host = await createQuickHost(parts);
  const { result, stdout, stderr } = await spyOnOutput(() => listGuests(host.line(line)));
  const { exitCode, error } = result;
  return { exitCode, stdout, stderr, code: error?.code, lines: error?.message.split("\n") };
}

const daemonOf = (...guests: GuestStatus[]): QuickHostOptions => ({ daemon: { status: { guests } } });
const PORT = "negotiator-host-to-guest.0";
const AGENT_PORT = "org.qemu.guest_agent.0";

/** The objects that a list with `--json` prints, one on each line. */
const objectsOf = (stdout: string): unknown[] =>
  stdout
    .trimEnd()
    .split("\n")
    .map((line): unknown => JSON.parse(line));

test("the guests of the daemon are listed by name, without those of the QEMU guest agent", async () => {
  const guests = daemonOf(
    guestStatus({ name: "db1", uuid: "u", state: "unresponsive" }),
    guestStatus({ name: "qga1", dialect: "qga" }),
    guestStatus({ name: "off", state: "shut off" }),
    guestStatus({ name: "web\n1", dialect: null }),
  );
  expect(await listOn(guests)).toMatchObject({ exitCode: 0, stdout: "db1\nweb\\n1\n", code: undefined });
  expect(await listOn(guests, { options: { all: [""] } })).toMatchObject({ stdout: "db1\nqga1\nweb\\n1\n" });
  const { stdout } = await listOn(guests, { options: { json: [""] } });
  expect(objectsOf(stdout)).toEqual([
    { name: "db1", uuid: "u", state: "unresponsive", dialect: "native" },
    { name: "web\n1", uuid: null, state: "open", dialect: null },
  ]);
});

test.each<[number, string, string]>([
  [1, "1 guest has only the QEMU guest agent", "See it: negotiator host list-guests --all"],
  [2, "2 guests have only the QEMU guest agent", "See them: negotiator host list-guests --all"],
])(
  "a list of %d guests with only the QEMU guest agent is empty, and says how to see them",
  async (count, problem, remedy) => {
    const guests = ["qga1", "qga2"].slice(0, count).map((name) => guestStatus({ name, dialect: "qga" }));
    expect(await listOn(daemonOf(...guests))).toEqual({
      exitCode: 0,
      stdout: "",
      stderr: "",
      code: "NO_GUEST",
      lines: [problem, remedy],
    });
  },
);

test("an empty list succeeds, and explains itself by the settings", async () => {
  expect(await listOn(daemonOf())).toMatchObject({
    exitCode: 0,
    stdout: "",
    code: "NO_GUEST",
    lines: ['No guest was found: none is named, host.libvirt = "no", host.qemu = "no"', expect.any(String)],
  });
});

test("an empty list names the port of the dialects in use, and of our own by default", async () => {
  const uuid = "64800e11-3e0a-4844-b181-5e5b9a9fed46";
  const xml = `<domain type='kvm' id='1'><name>web1</name><uuid>${uuid}</uuid></domain>`;
  const virsh = { uri: "test:///x", "list --uuid": uuid, [`dumpxml -- ${uuid}`]: xml };
  await using host = await createQuickHost({ virsh, ...daemonOf() });
  const line = host.line({ host: { libvirt: "yes" } });
  const { error } = await listGuests(line);
  expect(error?.message).toContain(`but has no port ${PORT}\n`);
  const dialects = { ...createDialectTable([]), defaultPort: "other.0" };
  expect((await listGuests({ ...line, dialects })).error?.message).toContain("but has no port other.0\n");
});

test("a user who asked its own libvirt gets the exit code of a failure", async () => {
  using _ = spyOn(process, "geteuid").mockReturnValue(1000);
  const virsh = { uri: "qemu:///session", "list --uuid": "", "list --uuid --state-paused": "" };
  expect(await listOn({ virsh }, { host: { libvirt: "yes" } })).toMatchObject({
    exitCode: 1,
    code: "DENIED",
  });
});

/** The config of a host with three guests, the second of which has only the QEMU guest agent. */
const NAMED: LineOptions = {
  settings: {
    guests: [
      { name: "web1", socket: "/run/w", port: PORT },
      { name: "qga1", socket: "/run/q", port: AGENT_PORT },
      { name: "db1", socket: "/run/d", port: PORT },
      { name: "db1", socket: "/run/a", port: AGENT_PORT },
    ],
  },
};

test("without a daemon, the guests of a search are listed by name, without a state", async () => {
  expect(await listOn({}, NAMED)).toMatchObject({ exitCode: 0, stdout: "db1\nweb1\n", code: undefined });
  const { stdout } = await listOn({}, { ...NAMED, options: { json: [""], all: [""] } });
  expect(objectsOf(stdout)).toEqual([
    { name: "db1", uuid: null, state: null, dialect: null },
    { name: "qga1", uuid: null, state: null, dialect: "qga" },
    { name: "web1", uuid: null, state: null, dialect: null },
  ]);
});

test.each(["direct", "connect"])("with --%s the daemon is not asked", async (option) => {
  await using host = await createQuickHost(daemonOf(guestStatus({ name: "of-daemon" })));
  const line = host.line({ ...NAMED, options: { [option]: [""] } });
  expect((await spyOnOutput(() => listGuests(line))).stdout).toBe("db1\nweb1\n");
  expect(host.asked).toEqual([]);
});

test("with --socket, the daemon is not asked, and an empty list needs no explanation", async () => {
  const parts = daemonOf(guestStatus({ name: "of-daemon" }));
  expect(await listOn(parts, { options: { socket: ["mine=/run/m"] } })).toMatchObject({ stdout: "mine\n" });
  expect(await listOn(parts, { options: { socket: [] } })).toEqual({
    exitCode: 0,
    stdout: "",
    stderr: "",
    code: undefined,
    lines: undefined,
  });
});

test("a guest of libvirt is listed with its UUID", async () => {
  const uuid = "64800e11-3e0a-4844-b181-5e5b9a9fed46";
  const virsh = {
    "list --uuid": uuid,
    "list --uuid --state-paused": "",
    [`dumpxml -- ${uuid}`]: domainXml("web1", uuid),
  };
  const { stdout } = await listOn({ virsh }, { host: { libvirt: "yes" }, options: { json: [""] } });
  expect(JSON.parse(stdout)).toEqual({ name: "web1", uuid, state: null, dialect: null });
});
