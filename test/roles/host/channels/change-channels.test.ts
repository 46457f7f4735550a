/** `add-channel` and `remove-channel` with a libvirt of given answers: each row, and what virsh is asked. */
import { describe, expect, spyOn, test } from "bun:test";
import { PARALLEL_CALLS } from "../../../../src/discovery/libvirt/parallel-calls.ts";
import { virshAt } from "../../../../src/discovery/attach-line.ts";
import { NegotiatorError } from "../../../../src/errors.ts";
import { lockMachine } from "../../../../src/process/machine-lock.ts";
import { changeChannels, waitingLine } from "../../../../src/roles/host/channels/change-channels.ts";
import { standardOutput } from "../../../../src/standard-output.ts";
import { createQuickHost, guestStatus } from "../../../support/quick-host.ts";
import type { VirshAnswers } from "../../../support/quick-host.ts";
import { rejectionOf } from "../../../support/error-of.ts";
import { until } from "../../../support/until.ts";
import { UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";
import {
  adding,
  ATTACH,
  BARE,
  change,
  changeOn,
  CLOSED,
  DETACH_LIVE,
  DETACH_NEXT,
  libvirtWith,
  NEXT,
  NEXT_WITH,
  OPEN,
  PORT,
  refusal,
  shown,
  xml,
} from "./changed-domain.ts";
import type { Line } from "./changed-domain.ts";

const [UUID, OTHER_UUID] = UUIDS;

const ANSWERING = { guests: [guestStatus({ version: "1.2.3" })] };

describe("adding to a running domain", () => {
  test("attaches the port now and for its next start, and waits for its agent", async () => {
    const { exitCode, rows, changes } = await change("add", adding(CLOSED), {}, ANSWERING);
    expect(exitCode).toBe(0);
    expect(rows).toEqual([
      {
        guest: "web1",
        uuid: UUID,
        state: "running",
        result: "added",
        agent: "answers",
        message: null,
        commands: [
          expect.stringMatching(/^echo '<channel .* attach-device web1 \/dev\/stdin --live --config$/),
        ],
      },
    ]);
    expect(changes).toEqual([ATTACH]);
  });

  test("that has the port changes nothing, and its silent agent is explained", async () => {
    const { exitCode, rows, changes } = await change("add", libvirtWith([CLOSED], NEXT_WITH));
    expect({ exitCode, changes }).toEqual({ exitCode: 0, changes: [] });
    expect(rows).toMatchObject([
      {
        result: "present",
        agent: "none",
        message: "no agent has the channel open\nInstall and start it there: negotiator guest install",
        commands: [],
      },
    ]);
  });

  test("with an agent that has the port open needs the daemon of this host", async () => {
    const { rows } = await change("add", libvirtWith([OPEN], NEXT_WITH));
    expect(rows).toMatchObject([
      {
        agent: "connected",
        message:
          "the agent waits for the daemon of this host\n" +
          "Start it: systemctl start negotiator-host, or: negotiator host daemon",
      },
    ]);
    const options = { wait: ["5", "0.01"] };
    const withDaemon = await change("add", libvirtWith([OPEN], NEXT_WITH), { options }, { guests: [] });
    expect(withDaemon.rows).toMatchObject([{ agent: "connected", message: null }]);
  });

  test("does not wait with --wait 0, and not for what was not changed", async () => {
    const { rows, asked } = await change("add", adding(OPEN), { options: { wait: ["0"] } }, ANSWERING);
    expect(rows).toMatchObject([{ result: "added", agent: null, message: null }]);
    expect(asked).toBe(0);
    const options = { "dry-run": [""] };
    const dry = await change("add", libvirtWith([BARE], NEXT), { options }, ANSWERING);
    expect(dry).toMatchObject({
      exitCode: 0,
      changes: [],
      asked: 0,
      rows: [{ result: "added", agent: null }],
    });
  });

  test("looks again until libvirt shows the port", async () => {
    const options = { wait: ["0"] };
    const late = libvirtWith([BARE, BARE, BARE, OPEN], NEXT, { [ATTACH]: "" });
    expect(await change("add", late, { options })).toMatchObject({ rows: [{ result: "added" }], looks: 4 });
    expect((await change("add", adding(OPEN), { options })).looks).toBe(3);
  });

  test("that has ended meanwhile is added for its next start", async () => {
    expect((await change("add", adding(NEXT), { options: { wait: ["0"] } })).rows).toMatchObject([
      { result: "added", message: null },
    ]);
  });

  test("fails with the reason of libvirt, and its remedy if there is one", async () => {
    const virsh = libvirtWith([BARE], NEXT, {
      [ATTACH]: { complaint: "out of ports" },
      [`attach-device --config -- ${UUID} /dev/stdin`]: { complaint: "out of ports too" },
    });
    const { exitCode, rows } = await change("add", virsh, {}, ANSWERING);
    expect(exitCode).toBe(1);
    expect(rows).toMatchObject([
      { result: "failed", state: "running", agent: null, message: "the change failed: out of ports too" },
    ]);
    const twice = libvirtWith([BARE], NEXT, { [ATTACH]: { complaint: "port already exists" } });
    expect((await change("add", twice)).rows).toMatchObject([
      { message: expect.stringMatching(/^the change failed: another program .*\nAttach it again: /) },
    ]);
  });

  test("without a controller needs a restart, also in a dry run", async () => {
    const live = xml({ hasController: false });
    const reason = { result: "restart", message: expect.stringMatching(/^no virtio-serial controller/) };
    const next = { [`attach-device --config -- ${UUID} /dev/stdin`]: "" };
    const made = await change("add", libvirtWith([live], NEXT, next), {}, ANSWERING);
    expect(made).toMatchObject({ exitCode: 0, rows: [{ ...reason, agent: null }], asked: 0 });
    expect(made.changes).toHaveLength(1);
    const dry = await change("add", libvirtWith([live], NEXT), { options: { "dry-run": [""] } });
    expect(dry).toMatchObject({ exitCode: 0, rows: [reason], changes: [] });
  });

  test("with a port of another kind is refused", async () => {
    const live = xml({ ports: { [PORT]: "connected" }, mode: "connect" });
    const { exitCode, rows, changes } = await change("add", libvirtWith([live], NEXT));
    expect({ exitCode, changes }).toEqual({ exitCode: 1, changes: [] });
    expect(rows).toMatchObject([
      { result: "failed", message: expect.stringMatching(/^the port .* is there, but QEMU connects/) },
    ]);
  });
});

test("a domain that is shut off gets the port for its next start, without a wait", async () => {
  const virsh = libvirtWith([NEXT], NEXT, { [`attach-device --config -- ${UUID} /dev/stdin`]: "" });
  const { rows, asked, looks } = await change("add", virsh, {}, ANSWERING);
  expect(looks).toBe(1);
  expect(rows).toMatchObject([{ state: "shut off", result: "added", agent: null, message: null }]);
  expect(asked).toBe(0);
});

describe("removing", () => {
  test("detaches the port now and for the next start, and waits for no agent", async () => {
    const virsh = libvirtWith([OPEN, BARE], NEXT_WITH, { [DETACH_LIVE]: "", [DETACH_NEXT]: "" });
    const { exitCode, rows, changes, asked } = await change("remove", virsh, {}, ANSWERING);
    expect({ exitCode, asked }).toEqual({ exitCode: 0, asked: 0 });
    expect(rows).toMatchObject([{ result: "removed", agent: null, message: null }]);
    expect(changes).toEqual([DETACH_LIVE, DETACH_NEXT]);
  });

  test("looks again until the port is gone", async () => {
    const virsh = libvirtWith([OPEN, OPEN, BARE], NEXT_WITH, { [DETACH_LIVE]: "", [DETACH_NEXT]: "" });
    expect((await change("remove", virsh)).rows).toMatchObject([{ result: "removed" }]);
  });

  test("from a domain without the port changes nothing", async () => {
    const { exitCode, rows, changes } = await change("remove", libvirtWith([BARE], NEXT));
    expect({ exitCode, changes }).toEqual({ exitCode: 0, changes: [] });
    expect(rows).toMatchObject([{ result: "absent", message: null }]);
  });
});

describe("several domains", () => {
  /** Two domains that have the port, the second of which is called `db1`. */
  const both: VirshAnswers = {
    ...libvirtWith([CLOSED], NEXT_WITH),
    "list --uuid --all": `${UUID}\n${OTHER_UUID}`,
    "dumpxml -- db1": xml({ name: "db1", uuid: OTHER_UUID }),
    [`dumpxml -- ${OTHER_UUID}`]: xml({ name: "db1", uuid: OTHER_UUID, ports: { [PORT]: "disconnected" } }),
    [`dumpxml --inactive -- ${OTHER_UUID}`]: xml({
      name: "db1",
      uuid: OTHER_UUID,
      isActive: false,
      ports: { [PORT]: "disconnected" },
    }),
  };

  test.each([
    [["web1", "db1"], {}, ["db1", "web1"]],
    [[], { all: [""] }, ["db1", "web1"]],
    [[], { pattern: ["w*"] }, ["web1"]],
    [[], { pattern: ["x", "d*"] }, ["db1"]],
  ])("are chosen by the words %j and %j, and sorted by name", async (positionals, options, names) => {
    const { rows } = await change("add", both, { positionals, options: { ...options, wait: ["0"] } });
    expect(rows).toMatchObject(names.map((guest) => ({ guest, result: "present" })));
  });

  test("that are missing fail, and the others are changed", async () => {
    const virsh = { ...both, "dumpxml -- aaa": { complaint: "failed to get domain 'aaa'" } };
    const line = { positionals: ["web1", "aaa"], options: { wait: ["0"] } };
    const { exitCode, rows } = await change("add", virsh, line);
    expect(exitCode).toBe(1);
    expect(rows).toMatchObject([
      {
        guest: "aaa",
        uuid: null,
        state: null,
        result: "failed",
        message: `not a domain of this libvirt\nList the domains: ${virshAt()} list --all`,
      },
      { guest: "web1", result: "present" },
    ]);
  });

  test("of which none fits are an error", async () => {
    await using host = await createQuickHost({ virsh: both });
    const { code, message } = await rejectionOf(
      changeOn(host, "add", { positionals: [], options: { pattern: ["x*"] } }),
    );
    expect(code).toBe("NO_GUEST");
    expect(message).toStartWith('No domain\'s name fits "x*"\n');
  });

  test("of which one is gone meanwhile are an error if it was the only one", async () => {
    const gone = { complaint: `failed to get domain '${UUID}'` };
    await using host = await createQuickHost({ virsh: libvirtWith([gone], NEXT) });
    expect((await rejectionOf(changeOn(host, "add"))).code).toBe("NO_GUEST");
  });

  test("are left out once libvirt is gone, and an odd one does not end the others", async () => {
    const uuids = Array.from(
      { length: PARALLEL_CALLS + 2 },
      (_, index) => `00000000-0000-4000-8000-${String(index).padStart(12, "0")}`,
    );
    const virshOf = (complaint: string): VirshAnswers => ({
      ...both,
      "list --uuid --all": uuids.join("\n"),
      ...Object.fromEntries(uuids.map((uuid) => [`dumpxml -- ${uuid}`, { complaint }])),
    });
    const line = { positionals: [], options: { all: [""] } };
    const gone = await change("add", virshOf("failed to connect to the hypervisor"), line);
    expect(gone.exitCode).toBe(1);
    expect(gone.rows).toHaveLength(uuids.length);
    expect(gone.rows[0]).toMatchObject({ guest: uuids[0], uuid: uuids[0], result: "failed" });
    expect(gone.rows.at(-1)).toMatchObject({
      guest: uuids.at(-1),
      message: "not looked at, because libvirt is gone",
    });
    const odd = await change("add", virshOf("odd"), line);
    expect(odd.rows.at(-1)).toMatchObject({ message: "the change failed: libvirt cannot answer: odd" });
  });
});

test("a libvirt that goes during the change is the reason of the failure", async () => {
  const complaint = "failed to connect to the hypervisor\nerror: Connection refused";
  const virsh = libvirtWith([BARE], NEXT, { [ATTACH]: { complaint } });
  const { rows } = await change("add", virsh);
  expect(rows).toMatchObject([
    { guest: UUID, state: null, message: expect.stringMatching(/^the change failed: Cannot ask libvirt/) },
  ]);
});

test("the libvirt of the settings is asked, and named in remedies", async () => {
  await using host = await createQuickHost({ virsh: libvirtWith([CLOSED], NEXT_WITH) });
  const options = { wait: ["0"], connect: ["test:///x"] };
  await changeOn(host, "add", { options, host: { libvirt: "no", connect: "test:///x" } });
  const calls = await host.virshCalls();
  expect(calls.length).toBeGreaterThan(0);
  expect(calls.filter((call) => !call.startsWith("--readonly --connect=test:///x "))).toEqual([]);
});

describe("the ports", () => {
  test("are those of --port, each once, and unknown ones are wrong usage", async () => {
    const port = ["negotiator-guest-to-host.0", PORT, PORT];
    const { rows } = await change("add", libvirtWith([BARE], NEXT), { options: { port, "dry-run": [""] } });
    expect(rows).toMatchObject([
      { commands: [expect.stringContaining("guest-to-host"), expect.stringContaining("host-to-guest")] },
    ]);
    const { code, lines } = await refusal("add", { options: { port: [PORT, "other"] } });
    expect(code).toBe("BAD_USAGE");
    expect(lines.join("\n")).toContain("negotiator host add-channel --help");
    expect((await refusal("remove", { options: { port: ["other"] } })).lines.join("\n")).toContain(
      "negotiator host remove-channel --help",
    );
  });
});

describe("without a change", () => {
  const problem = new NegotiatorError("BAD_CONFIG", "the config is broken");
  const printed = async (line: Line): Promise<string[]> => {
    await using host = await createQuickHost();
    const { exitCode, stdout } = await changeOn(host, "add", { problem, ...line });
    expect(exitCode).toBe(0);
    return stdout.split("\n").slice(0, -1);
  };

  test("the XML is printed, also with a broken config", async () => {
    expect(await printed({ options: { "print-xml": [""] } })).toEqual([
      `<channel type="unix"><target type="virtio" name="${PORT}"/></channel>`,
    ]);
  });

  test("the options of QEMU are printed for one guest", async () => {
    const options = { "print-qemu-args": [""] };
    expect(await printed({ options })).toContain("-name web1");
    for (const positionals of [[], ["web1", "web2"]])
      expect(await refusal("add", { options, positionals })).toEqual({
        code: "BAD_USAGE",
        lines: [
          "--print-qemu-args needs one GUEST",
          "Write: negotiator host add-channel --print-qemu-args GUEST",
          "Read the help: negotiator host add-channel --help",
        ],
      });
  });

  test("a broken config and a wrong wait are errors", async () => {
    expect((await refusal("add", { problem })).lines).toEqual(["the config is broken"]);
    expect((await refusal("add", { options: { wait: ["x"] } })).code).toBe("BAD_USAGE");
  });

  test("remove-channel prints nothing by hand", async () => {
    const { code, lines } = await refusal("remove", { options: { "print-xml": [""] }, positionals: [] });
    expect({ code, first: lines[0] }).toEqual({ code: "BAD_USAGE", first: "missing GUEST" });
  });

  test("a host that does not use libvirt is an error with the way out", async () => {
    const host = { libvirt: "no" } as const;
    expect(await refusal("add", { host })).toEqual({
      code: "BAD_CONFIG",
      lines: [
        'Cannot add channels: this host has host.libvirt = "no"',
        "Print options for QEMU: negotiator host add-channel --print-qemu-args GUEST",
        "Or name the libvirt: --connect qemu:///system",
      ],
    });
    expect((await refusal("remove", { host })).lines).toEqual([
      'Cannot remove channels: this host has host.libvirt = "no"',
      "Or name the libvirt: --connect qemu:///system",
    ]);
  });
});

describe("for people", () => {
  test("the wait names the number of its guests", () => {
    const end = "; Ctrl-C stops only the wait\n";
    expect(waitingLine(1, 5000)).toBe(`Waiting up to 5 s for the agent of 1 guest${end}`);
    expect(waitingLine(2, 500)).toBe(`Waiting up to 0.5 s for the agents of 2 guests${end}`);
  });

  test("the rows are a table", async () => {
    const [title, row, ...rest] = await shown(libvirtWith([CLOSED], NEXT_WITH), { wait: ["0"] });
    expect(title).toMatch(/^GUEST +STATE +CHANNEL +AGENT/);
    expect(row).toMatch(/^web1 +running +there already +-/);
    expect(rest).toEqual([""]);
  });

  test("a dry run shows its steps before the table", async () => {
    const [step, empty, title, ...rest] = await shown(libvirtWith([BARE], NEXT), { "dry-run": [""] });
    expect(step).toMatch(/^echo '<channel/);
    expect([empty, title]).toEqual(["", "After these steps:"]);
    expect(rest[1]).toMatch(/^web1 +running +added/);
    expect((await shown(libvirtWith([CLOSED], NEXT_WITH), { "dry-run": [""] }))[0]).toBe(
      "Nothing is to be done.",
    );
  });
});

test("a dry run does not wait for another change on this machine", async () => {
  using _ = await lockMachine({ name: "channels", work: "a test" });
  const options = { "dry-run": [""] };
  expect((await change("add", libvirtWith([BARE], NEXT), { options })).exitCode).toBe(0);
});

test("a change waits for another one on this machine before it asks libvirt", async () => {
  await using host = await createQuickHost({ virsh: adding(OPEN) });
  const line = host.line({ positionals: ["web1"], options: { wait: ["0"] }, host: { libvirt: "yes" } });
  const written: string[] = [];
  using _ = spyOn(standardOutput, "write").mockImplementation((_name, text) => {
    written.push(String(text));
    return Promise.resolve(true);
  });
  let changing: Promise<unknown>;
  {
    using _ = await lockMachine({ name: "channels", work: "a test" });
    changing = changeChannels("add", line);
    await until("the change waits", () => written.join("").includes("a test"));
    expect(await host.virshCalls()).toEqual([]);
  }
  expect(await changing).toEqual({ exitCode: 0 });
  expect((await host.virshCalls()).join("\n")).toContain(ATTACH);
});
