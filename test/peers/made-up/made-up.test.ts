/**
 * A dialect needs one folder and one row. With those, host and guest call each other in a made-up dialect.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, symlink } from "node:fs/promises";
import { createEmulatedPort } from "../../../scripts/emulated-port.ts";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { startCall } from "../../../src/peers/call-time.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { configureLog } from "../../../src/log.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { LEGACY } from "../../../src/peers/legacy/legacy.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import { executeOn, listCommandsOf } from "../../../src/peers/remote-command.ts";
import { connectDirectly } from "../../../src/roles/cli/peer-connection.ts";
import { createServices } from "../../../src/roles/daemon/services.ts";
import { createHostLink } from "../../../src/roles/guest/host-link.ts";
import { createGuests } from "../../../src/roles/host/guests.ts";
import { collect } from "../../support/collect.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { unsetConfig } from "../../support/unset-config.ts";
import { until } from "../../support/until.ts";
import { MADE_UP } from "./made-up.ts";

const DIALECTS = createDialectTable([LEGACY, MADE_UP]);
const [TO_GUEST, TO_HOST] = ["made-up.to-guest", "made-up.to-host"] as const;

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

/** A host and a guest with a command `whoami`, joined by two ports that carry only the made-up dialect. */
async function createScene() {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const toGuest = owned.use(await createEmulatedPort(directory.path, "to-guest"));
  const toHost = owned.use(await createEmulatedPort(directory.path, "to-host"));
  await directory.write("sys/vport0p1/name", `${TO_GUEST}\n`);
  await directory.write("dev/placeholder", "");
  await symlink(toGuest.guestPath, directory.at("dev/vport0p1"));

  const serviceFor = async (role: "host" | "guest") => {
    const script = `#!/bin/sh\nread line\necho "$NEGOTIATOR_ROLE $NEGOTIATOR_GUEST $1 $line"\nexit 7\n`;
    await chmod(await directory.write(`${role}/whoami`, script), 0o755);
    const wait = `#!/bin/sh\nuntil [ -e ${directory.at("end")} ]; do sleep 0.05; done\n`;
    await chmod(await directory.write(`${role}/wait`, wait), 0o755);
    const audit = { ...DEFAULTS.audit, file: directory.at(`${role}.audit`) };
    const places = { commandsDirectory: [directory.at(role)], policyFile: directory.at("none"), audit };
    return owned.use(createServices(role, unsetConfig({ ...DEFAULTS, ...places })));
  };
  const hostServices = await serviceFor("host");
  const guestServices = await serviceFor("guest");

  const guests = owned.use(createGuests(hostServices, DIALECTS));
  const endpoint = { guest: "web1", source: "libvirt" } as const;
  const appeared: Endpoint[] = [
    { ...endpoint, port: TO_GUEST, path: toGuest.hostPath },
    { ...endpoint, port: TO_HOST, path: toHost.hostPath },
  ];
  guests.update({ appeared, changed: [], gone: [] });

  const stop = new AbortController();
  const places = { sysDirectory: directory.at("sys"), devDirectory: directory.at("dev") };
  const settings = { ...DEFAULTS, guest: { ...DEFAULTS.guest, characterDevice: directory.at("no-port") } };
  const host = createHostLink(settings, guestServices, DIALECTS, { places });
  const holding = host.hold(stop.signal);
  owned.defer(async () => {
    stop.abort();
    await holding;
  });
  const scene = owned.move();
  return {
    guests,
    host,
    toHost,
    endWait: () => directory.write("end", ""),
    [Symbol.asyncDispose]: () => scene.disposeAsync(),
  };
}

async function whoami(peer: Peer): Promise<string> {
  const request = { command: "whoami", args: ["got"], hasInput: true, timeoutMs: 20_000 };
  const remote = executeOn(peer, request);
  await remote.stdin?.write(Buffer.from("hello\n"));
  remote.stdin?.end();
  const { exitCode } = await remote.ended;
  return `${(await collect(remote.stdout)).toString().trim()}, exit ${exitCode}`;
}

test("a host runs a guest's command in a made-up dialect", async () => {
  await using scene = await createScene();
  expect(await whoami(await scene.guests.peer("web1", 20_000))).toBe("guest  got hello, exit 7");
}, 180_000);

test("a guest's status counts the calls that come in a made-up dialect", async () => {
  await using scene = await createScene();
  const peer = await scene.guests.peer("web1", 20_000);
  const remote = executeOn(peer, { command: "wait", args: [], hasInput: false, timeoutMs: 20_000 });
  await until("the call runs", () => scene.host.status().calls.incoming === 1);
  await scene.endWait();
  expect(await remote.ended).toMatchObject({ exitCode: 0 });
  expect(scene.host.status().calls).toEqual({ outgoing: 0, incoming: 0 });
}, 180_000);

test("a guest runs a command of its host, which knows the guest's name, in a made-up dialect", async () => {
  await using scene = await createScene();
  const port = DIALECTS.portUse(TO_HOST);
  if (port === undefined) throw new Error("the table does not know the port");
  await using connection = await connectDirectly({
    role: "guest",
    limits: {},
    port,
    open: (signal) => dialSocket(scene.toHost.guestPath, { signal }),
    time: startCall({ timeoutMs: 20_000, connectTimeoutMs: 0 }),
    explainNoAnswer: () => new NegotiatorError("NO_CHANNEL", "no answer"),
  });
  expect(await whoami(connection.peer)).toBe("host web1 got hello, exit 7");
}, 180_000);

test("a method or notice that a dialect lacks throws UNSUPPORTED with the dialect and a remedy", async () => {
  await using scene = await createScene();
  const peer = await scene.guests.peer("web1", 20_000);
  expect(await rejectionOf(listCommandsOf(peer, { timeoutMs: 1000 }))).toMatchObject({
    code: "UNSUPPORTED",
    message:
      'The peer (made-up agent) has no method "list-commands"\n' +
      "Install negotiator at the other end, as MIGRATING.md describes",
  });
  expect(() => peer.notify("event", {})).toThrow("The peer (made-up agent) accepts no notices");
}, 180_000);

test("the table lists the ports of every row, and the ports on which a role may call", () => {
  expect([...DIALECTS.portNames]).toEqual([
    "negotiator-host-to-guest.0",
    "negotiator-guest-to-host.0",
    "negotiator-channel.0",
    TO_GUEST,
    TO_HOST,
  ]);
  expect(DIALECTS.defaultPort).toBe("negotiator-host-to-guest.0");
  expect(DIALECTS.callingPorts("guest").map(({ name }) => name)).toEqual([
    "negotiator-guest-to-host.0",
    "negotiator-channel.0",
    TO_HOST,
  ]);
  expect(DIALECTS.portUse("other")).toBeUndefined();
});

test("a table whose rows use one port differently throws", () => {
  const [port] = LEGACY.ports;
  if (port === undefined) throw new Error("the legacy row has no port");
  const wrong = { ...MADE_UP, ports: [{ ...port, dialler: "guest" as const }] };
  expect(() => createDialectTable([LEGACY, wrong])).toThrow('Dialect "made-up" cannot use port');
});

test.each([
  ["two dialects on one port without the native one", [MADE_UP, { ...MADE_UP, name: "second" }]],
  [
    "calls by both roles on a port without the native dialect",
    [{ ...MADE_UP, ports: [{ name: "made-up.0", dialler: "host", callers: "both" } as const] }],
  ],
  [
    "calls by the listener of a port without the native dialect",
    [{ ...MADE_UP, ports: [{ name: "made-up.0", dialler: "guest", callers: "host" } as const] }],
  ],
])("a table with %s throws", (_, rows) => {
  expect(() => createDialectTable(rows)).toThrow(/^Dialect "\S+" cannot use port/);
});
