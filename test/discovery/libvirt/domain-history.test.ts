/** What became of known guests, through the libvirt finder: saved, restored, or gone for good. */
import { expect, test } from "bun:test";
import type { Endpoint, Scan } from "../../../src/discovery/endpoint.ts";
import { createLibvirtFinder } from "../../../src/discovery/libvirt/libvirt.ts";
import { endpoint } from "../endpoint-sample.ts";
import { answer, complaint, domainXml, fakeVirsh, UUIDS } from "./fake-libvirt.ts";
import type { Answer } from "./fake-libvirt.ts";

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
  state?: Answer;
  xml?: Answer;
};

/** One scan of a libvirt that says this of its domain A. */
async function scan(known: readonly Endpoint[], libvirt: Libvirt): Promise<Scan & { calls: string[] }> {
  const { active = [], managed = [], state, xml } = libvirt;
  const { runText, calls } = fakeVirsh({
    "list --uuid": answer(active.join("\n")),
    "list --uuid --state-paused": answer(""),
    "list --uuid --inactive --with-managed-save": answer(managed.join("\n")),
    ...(state === undefined ? {} : { [`domstate --reason -- ${A}`]: state }),
    ...(xml === undefined ? {} : { [`dumpxml -- ${A}`]: xml }),
  });
  const found = await createLibvirtFinder({ runText })(signal, known);
  return { ...found, calls: calls.map((words) => words.slice(3).join(" ")) };
}

test.each<[string, Endpoint, Libvirt, Endpoint[]]>([
  ["saved to a file", RUNNING, { state: answer("shut off (saved)\n\n") }, [SAVED]],
  ["saved still", SAVED, { state: answer("shut off (saved)\n\n") }, [SAVED]],
  ["saved, as the event told", AWAITED, { state: answer("shut off (saved)\n\n") }, [SAVED]],
  ["saved by libvirt", RUNNING, { state: answer("shut off (saved)\n"), managed: [A] }, [MANAGED]],
  [
    "saved by libvirt, which was restarted",
    MANAGED,
    { state: answer("shut off (unknown)\n"), managed: [A] },
    [MANAGED],
  ],
  ["saved to a file, and libvirt restarted", SAVED, { state: answer("shut off (unknown)\n") }, [SAVED]],
  ["shut off with libvirt", RUNNING, { state: answer("shut off (unknown)\n") }, []],
  ["what libvirt had saved was removed", MANAGED, { state: answer("shut off (saved)\n") }, []],
  ["that, and libvirt was restarted", MANAGED, { state: answer("shut off (unknown)\n") }, []],
  ["shut down", RUNNING, { state: answer("shut off (shutdown)\n") }, []],
  ["destroyed", RUNNING, { state: answer("shut off (destroyed)\n") }, []],
  ["migrated away", RUNNING, { state: answer("shut off (migrated)\n") }, []],
  ["saved, then started and destroyed", SAVED, { state: answer("shut off (destroyed)\n") }, []],
  ["saved and undefined", SAVED, { state: VANISHED }, []],
  ["transient, without a word about it", RUNNING, { state: VANISHED }, []],
  ["transient, and saved as an event told", AWAITED, { state: VANISHED }, [AWAITED]],
])("a guest that is gone: %s", async (_, before, libvirt, endpoints) => {
  const found = await scan([before], libvirt);
  expect(found).toMatchObject({ endpoints, problems: [], unread: [] });
});

test("a definition is no running guest: it was saved between two questions", async () => {
  const definition = domainXml("web1", A).replace(" id='1'", "");
  const found = await scan([RUNNING], {
    active: [A],
    xml: answer(definition),
    state: answer("shut off (saved)\n"),
  });
  expect(found.endpoints).toEqual([SAVED]);
  expect((await scan([], { active: [A], xml: answer(definition) })).endpoints).toEqual([]);
});

test("a guest that runs again at the second look stays as it was", async () => {
  const found = await scan([SAVED], { state: answer("running (restored)\n") });
  expect(found).toMatchObject({ endpoints: [], problems: [], unread: [{ source: "libvirt", uuid: A }] });
});

test("a guest whose fate cannot be learnt stays as it was, with a problem", async () => {
  const found = await scan([SAVED], { state: complaint("internal error: odd") });
  expect(found).toMatchObject({ endpoints: [], unread: [{ source: "libvirt", uuid: A }] });
  expect(found.problems.map(({ message }) => message)).toEqual([expect.stringContaining("odd")]);
});

test.each<[string, Endpoint, string, boolean]>([
  ["restored", SAVED, "running (restored)", true],
  ["restored, and more has happened since", SAVED, "paused (user)", true],
  ["restored, which libvirt had forgotten", AWAITED, "running (unpaused)", true],
  ["saved and restored between two scans", RUNNING, "running (restored)", true],
  ["saved, but started afresh", SAVED, "running (booted)", false],
  ["restarted between two scans", RUNNING, "running (booted)", false],
  ["back from somewhere", RUNNING, "running (migrated)", false],
])("a guest with a new socket: %s", async (_, before, state, isSameRun) => {
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

test("a guest that was renamed meanwhile is another one", async () => {
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

test("asks no more than usual while nothing happens, and never about guests of another source", async () => {
  const foreign = endpoint({ uuid: B, source: "qemu" });
  const known = { ...RUNNING, path: "/run/a/host-to-guest" };
  const { calls } = await scan([known, foreign], {
    active: [A],
    xml: answer(domainXml("web1", A, "/run/a")),
  });
  expect(calls).toEqual(["list --uuid", "list --uuid --state-paused", `dumpxml -- ${A}`]);
});

test("asks once for what libvirt keeps, and once about each saved guest", async () => {
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
  expect((await createLibvirtFinder({ runText })(signal, known)).endpoints).toEqual(known);
  expect(calls).toHaveLength(3 + UUIDS.length);
});
