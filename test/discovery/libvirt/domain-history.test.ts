/** The libvirt finder on known guests: saved, restored, or gone. */
import { expect, test } from "bun:test";
import type { Endpoint, Scan } from "../../../src/discovery/endpoint.ts";
import { traceStopped } from "../../../src/discovery/libvirt/domain-history.ts";
import { createLibvirtFinder } from "../../../src/discovery/libvirt/libvirt.ts";
import type { RunTextResult } from "../../../src/process/run-text.ts";
import { endpoint, OWN_PORTS } from "../endpoint-sample.ts";
import { answer, complaint, domainXml, fakeVirsh, UUIDS } from "./fake-libvirt.ts";

const signal = new AbortController().signal;
const [A, B] = UUIDS;
const RUNNING: Endpoint = endpoint({
  uuid: A,
  path: "/old/host-to-guest",
  source: "libvirt",
  state: "running",
});
const SAVED: Endpoint = { ...RUNNING, state: "saved", isManaged: false };
const MANAGED: Endpoint = { ...SAVED, isManaged: true };
const AWAITED: Endpoint = { ...RUNNING, state: "saved", awaitedUntilMs: 1 };
const VANISHED = complaint(`failed to get domain '${A}'`);

type Libvirt = {
  active?: string[];
  managed?: string[];
  state?: RunTextResult;
  xml?: RunTextResult;
};

/** Scans a libvirt that has these answers for its domain A. */
async function scan(known: readonly Endpoint[], libvirt: Libvirt): Promise<Scan & { calls: string[] }> {
  const { active = [], managed = [], state, xml } = libvirt;
  const { runText, calls } = fakeVirsh({
    "list --uuid": answer(active.join("\n")),
    "list --uuid --state-paused": answer(""),
    "list --uuid --inactive --with-managed-save": answer(managed.join("\n")),
    ...(state === undefined ? {} : { [`domstate --reason -- ${A}`]: state }),
    ...(xml === undefined ? {} : { [`dumpxml -- ${A}`]: xml }),
  });
  const found = await createLibvirtFinder({ runText, ports: OWN_PORTS })(signal, known);
  return { ...found, calls: calls.map((words) => words.slice(3).join(" ")) };
}

test.each<[string, Endpoint, Libvirt, Endpoint[]]>([
  ["was saved to a file is kept as saved", RUNNING, { state: answer("shut off (saved)\n\n") }, [SAVED]],
  ["is still saved is kept as saved", SAVED, { state: answer("shut off (saved)\n\n") }, [SAVED]],
  [
    "was saved, by an event and by libvirt, is kept as saved",
    AWAITED,
    { state: answer("shut off (saved)\n\n") },
    [SAVED],
  ],
  [
    "was saved by libvirt is kept as a managed save",
    RUNNING,
    { state: answer("shut off (saved)\n"), managed: [A] },
    [MANAGED],
  ],
  [
    "was saved by libvirt, which was restarted, is kept as a managed save",
    MANAGED,
    { state: answer("shut off (unknown)\n"), managed: [A] },
    [MANAGED],
  ],
  [
    "was saved to a file before libvirt was restarted is kept as saved",
    SAVED,
    { state: answer("shut off (unknown)\n") },
    [SAVED],
  ],
  [
    "was shut off while libvirt was restarted is removed",
    RUNNING,
    { state: answer("shut off (unknown)\n") },
    [],
  ],
  [
    "was saved by libvirt, which then removed the file, is removed",
    MANAGED,
    { state: answer("shut off (saved)\n") },
    [],
  ],
  [
    "lost its saved file before libvirt was restarted is removed",
    MANAGED,
    { state: answer("shut off (unknown)\n") },
    [],
  ],
  ["was shut down is removed", RUNNING, { state: answer("shut off (shutdown)\n") }, []],
  ["was destroyed is removed", RUNNING, { state: answer("shut off (destroyed)\n") }, []],
  ["migrated to another host is removed", RUNNING, { state: answer("shut off (migrated)\n") }, []],
  [
    "was saved, then started and destroyed, is removed",
    SAVED,
    { state: answer("shut off (destroyed)\n") },
    [],
  ],
  ["was saved and undefined is removed", SAVED, { state: VANISHED }, []],
  ["was transient and ended without an event is removed", RUNNING, { state: VANISHED }, []],
  ["was transient and was saved by an event is kept", AWAITED, { state: VANISHED }, [AWAITED]],
])("a guest that %s", async (_, before, libvirt, endpoints) => {
  const found = await scan([before], libvirt);
  expect(found).toMatchObject({ endpoints, problems: [], unread: [] });
});

test("a domain that is saved between two calls gives its saved endpoints", async () => {
  const definition = domainXml("web1", A).replace(" id='1'", "");
  const found = await scan([RUNNING], {
    active: [A],
    xml: answer(definition),
    state: answer("shut off (saved)\n"),
  });
  expect(found.endpoints).toEqual([SAVED]);
  expect((await scan([], { active: [A], xml: answer(definition) })).endpoints).toEqual([]);
});

test("a saved guest that runs again at the second call is unread", async () => {
  const found = await scan([SAVED], { state: answer("running (restored)\n") });
  expect(found).toMatchObject({ endpoints: [], problems: [], unread: [{ source: "libvirt", uuid: A }] });
});

test("a saved guest whose state cannot be read is unread, with a problem", async () => {
  const found = await scan([SAVED], { state: complaint("internal error: odd") });
  expect(found).toMatchObject({ endpoints: [], unread: [{ source: "libvirt", uuid: A }] });
  expect(found.problems.map(({ message }) => message)).toEqual([expect.stringContaining("odd")]);
});

test.each<[string, Endpoint, string, boolean]>([
  ["was saved and is running (restored) gets movedFrom", SAVED, "running (restored)", true],
  ["was saved and is paused (user) gets movedFrom", SAVED, "paused (user)", true],
  ["was saved by an event and is running (unpaused) gets movedFrom", AWAITED, "running (unpaused)", true],
  ["was running and is running (restored) gets movedFrom", RUNNING, "running (restored)", true],
  ["was saved and is running (booted) gets no movedFrom", SAVED, "running (booted)", false],
  ["was running and is running (booted) gets no movedFrom", RUNNING, "running (booted)", false],
  ["was running and is running (migrated) gets no movedFrom", RUNNING, "running (migrated)", false],
])("a guest with a new socket that %s", async (_, before, state, isSameRun) => {
  const { endpoints } = await scan([before], {
    active: [A],
    xml: answer(domainXml("web1", A, "/new")),
    state: answer(`${state}\n\n`),
  });
  expect(endpoints.map(({ port, path, movedFrom }) => [port, path, movedFrom])).toEqual([
    ["negotiator-host-to-guest.0", "/new/host-to-guest", isSameRun ? "/old/host-to-guest" : undefined],
    ["negotiator-guest-to-host.0", "/new/guest-to-host", undefined],
  ]);
  expect(endpoints.every((found) => found.state === "running" && found.awaitedUntilMs === undefined)).toBe(
    true,
  );
});

test("a restored guest with a new name gets no movedFrom", async () => {
  const { endpoints } = await scan([SAVED], {
    active: [A],
    xml: answer(domainXml("web2", A, "/new")),
    state: answer("running (restored)\n"),
  });
  expect(endpoints.map(({ guest, movedFrom }) => [guest, movedFrom])).toEqual([
    ["web2", undefined],
    ["web2", undefined],
  ]);
});

test("a scan without changes makes three calls, none of them for guests of another source", async () => {
  const foreign = endpoint({ uuid: B, source: "qemu" });
  const known = { ...RUNNING, path: "/run/a/host-to-guest" };
  const { calls } = await scan([known, foreign], {
    active: [A],
    xml: answer(domainXml("web1", A, "/run/a")),
  });
  expect(calls).toEqual(["list --uuid", "list --uuid --state-paused", `dumpxml -- ${A}`]);
});

test("a scan with saved guests asks once for managed saves and once for each guest", async () => {
  const ports = [
    SAVED,
    { ...SAVED, port: "negotiator-guest-to-host.0", path: "/old/guest-to-host" } as const,
  ];
  const others = UUIDS.slice(1).map((uuid) => ({ ...SAVED, guest: uuid, uuid, path: `/${uuid}` }));
  const { runText, calls } = fakeVirsh({
    "list --uuid": answer(""),
    "list --uuid --state-paused": answer(""),
    "list --uuid --inactive --with-managed-save": answer(""),
    ...Object.fromEntries(
      UUIDS.map((uuid) => [`domstate --reason -- ${uuid}`, answer("shut off (saved)\n")]),
    ),
  });
  const known = [...ports, ...others];
  expect((await createLibvirtFinder({ runText, ports: OWN_PORTS })(signal, known)).endpoints).toEqual(known);
  expect(calls).toHaveLength(3 + UUIDS.length);
});

test.each([
  ["a running guest", RUNNING],
  ["a saved guest", SAVED],
])(
  "%s that libvirt starts at another path is unread until libvirt says whether it was restored",
  async (_, known) => {
    const starting = { active: [A], xml: answer(domainXml("web1", A, "/new")) };
    const { endpoints, unread } = await scan([known], {
      ...starting,
      state: answer("paused (starting up)\n"),
    });
    expect({ endpoints, unread }).toEqual({ endpoints: [], unread: [{ source: "libvirt", uuid: A }] });
    const later = await scan([known], { ...starting, state: answer("running (restored)\n") });
    expect(later.endpoints[0]).toMatchObject({ path: "/new/host-to-guest", movedFrom: known.path });
  },
);

test("a saved guest keeps the machine and the URI of its libvirt, if it has them", async () => {
  const questions = {
    state: () => Promise.resolve("shut off (saved)"),
    managedSaves: () => Promise.resolve(new Set<string>()),
  };
  const remote = { machine: "kvm2", connect: "qemu+ssh://kvm2/system" };
  const known = [RUNNING, { ...RUNNING, ...remote }];
  const { endpoints } = await traceStopped(A, known, questions);
  expect(endpoints).toStrictEqual([SAVED, { ...SAVED, ...remote }]);
});
