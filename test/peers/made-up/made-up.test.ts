/** A made-up dialect is one folder and one row: with them alone, host and guest call each other in it. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { chmod, symlink } from "node:fs/promises";
import { createEmulatedPort } from "../../../scripts/emulated-port.ts";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
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
import { MADE_UP } from "./made-up.ts";

const DIALECTS = createDialectTable([LEGACY, MADE_UP]);
const [TO_GUEST, TO_HOST] = ["made-up.to-guest", "made-up.to-host"] as const;

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

/** A host and a guest, each with a command `whoami`, joined by two ports that speak only the made-up dialect. */
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
  const holding = createHostLink(settings, guestServices, DIALECTS, places).hold(stop.signal);
  owned.defer(async () => {
    stop.abort();
    await holding;
  });
  const scene = owned.move();
  return { guests, toHost, [Symbol.asyncDispose]: () => scene.disposeAsync() };
}

async function whoami(peer: Peer): Promise<string> {
  const request = { command: "whoami", args: ["says"], hasInput: true, timeoutMs: 20_000 };
  const remote = executeOn(peer, request);
  await remote.stdin?.write(Buffer.from("hello\n"));
  remote.stdin?.end();
  const { exitCode } = await remote.ended;
  return `${(await collect(remote.stdout)).toString().trim()}, exit ${exitCode}`;
}

test("a host runs a guest's command in a made-up dialect that only the table knows", async () => {
  await using scene = await createScene();
  expect(await whoami(await scene.guests.peer("web1", 20_000))).toBe("guest  says hello, exit 7");
}, 60_000);

test("a guest runs its host's command in a made-up dialect, under the guest's name", async () => {
  await using scene = await createScene();
  const port = DIALECTS.portUse(TO_HOST);
  if (port === undefined) throw new Error("the table does not know the port");
  await using connection = await connectDirectly({
    role: "guest",
    port,
    open: (signal) => dialSocket(scene.toHost.guestPath, { signal }),
    left: () => 20_000,
    explainNoAnswer: () => new NegotiatorError("NO_CHANNEL", "no answer"),
  });
  expect(await whoami(connection.peer)).toBe("host web1 says hello, exit 7");
}, 60_000);

test("a method or a notice that the made-up dialect lacks is UNSUPPORTED, with the dialect and a remedy", async () => {
  await using scene = await createScene();
  const peer = await scene.guests.peer("web1", 20_000);
  expect(await rejectionOf(listCommandsOf(peer, { timeoutMs: 1000 }))).toMatchObject({
    code: "UNSUPPORTED",
    message:
      'The peer is a made-up agent, which does not know "list-commands"\n' +
      "Install negotiator at the other end: MIGRATING.md says how",
  });
  expect(() => peer.notify("event", {})).toThrow("The peer is a made-up agent, which takes no notices");
}, 60_000);

test("the ports of every row are known to finders, and each says who dials", () => {
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

test("two rows that use one port in different ways are refused", () => {
  const [port] = LEGACY.ports;
  if (port === undefined) throw new Error("the legacy row has no port");
  const wrong = { ...MADE_UP, ports: [{ ...port, dialler: "guest" as const }] };
  expect(() => createDialectTable([LEGACY, wrong])).toThrow('The dialect "made-up" uses port');
});
