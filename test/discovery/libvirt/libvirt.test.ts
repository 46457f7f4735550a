/** Finding guests through virsh: with made-up answers, and with a script instead of virsh. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { onAbort } from "../../../src/abort.ts";
import { createLibvirtFinder } from "../../../src/discovery/libvirt/libvirt.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { AGENT_PORT, OWN_PORTS, PORTS_WITH_AGENT } from "../endpoint-sample.ts";
import { answer, complaint, domainXml, fakeVirsh, spawnText, UUIDS } from "./fake-libvirt.ts";

const signal = new AbortController().signal;
const [A, B, C] = UUIDS;
const ports = OWN_PORTS;
const VANISHED = complaint(`failed to get domain '${B}'`);

/** The system's libvirt, whatever user runs the tests. */
const connect = "qemu:///system";

test("a scan finds both ports of running and paused guests", async () => {
  const { runText, calls, environments } = fakeVirsh({
    "list --uuid": answer(`${A}\n${B}\n\n`),
    "list --uuid --state-paused": answer(`${B}\n\n`),
    [`dumpxml -- ${A}`]: answer(domainXml("web1", A)),
    [`dumpxml -- ${B}`]: answer(domainXml("-c \"d'b'\" <ä>", B)),
  });
  const scan = await createLibvirtFinder({ runText, ports, connect })(signal);
  expect(scan.problems).toEqual([]);
  expect(scan.endpoints.map(({ guest, state, port }) => [guest, state, port])).toEqual([
    ["web1", "running", "negotiator-host-to-guest.0"],
    ["web1", "running", "negotiator-guest-to-host.0"],
    ["-c \"d'b'\" <ä>", "paused", "negotiator-host-to-guest.0"],
    ["-c \"d'b'\" <ä>", "paused", "negotiator-guest-to-host.0"],
  ]);
  expect(scan.endpoints[0]).toEqual({
    guest: "web1",
    uuid: A,
    port: "negotiator-host-to-guest.0",
    path: `/run/${A}/host-to-guest`,
    source: "libvirt",
    state: "running",
    connected: false,
    connect,
    pidFile: { path: "/run/libvirt/qemu/web1.pid", uid: 0 },
  });
  expect(calls[0]).toEqual(["virsh", "--quiet", "--readonly", `--connect=${connect}`, "list", "--uuid"]);
  expect(environments).toContainEqual({ LC_ALL: "C" });
});

test("a scan reports the port of another program when it is known, and otherwise not", async () => {
  const target = `<target type='virtio' name='${AGENT_PORT}'/>`;
  const channel = `<channel type='unix'><source mode='bind' path='/run/qga'/>${target}</channel>`;
  const { runText } = fakeVirsh({
    "list --uuid": answer(`${A}\n`),
    "list --uuid --state-paused": answer(""),
    [`dumpxml -- ${A}`]: answer(domainXml("web1", A).replace("<devices>", `<devices>${channel}`)),
  });
  const portsIn = async (known: ReadonlySet<string>) =>
    (await createLibvirtFinder({ runText, ports: known })(signal)).endpoints.map(({ port }) => port);
  const own = ["negotiator-host-to-guest.0", "negotiator-guest-to-host.0"];
  expect(await portsIn(PORTS_WITH_AGENT)).toEqual([AGENT_PORT, ...own]);
  expect(await portsIn(OWN_PORTS)).toEqual(own);
});

test("a connection URI is one word of the call, and its host becomes the endpoint's machine", async () => {
  const { runText, calls } = fakeVirsh({
    "list --uuid": answer(`${A}\n`),
    "list --uuid --state-paused": answer(""),
    [`dumpxml -- ${A}`]: answer(domainXml("web1", A)),
  });
  const machineFor = async (connect: string) =>
    (await createLibvirtFinder({ connect, runText, ports })(signal)).endpoints[0]?.machine;
  expect(await machineFor("qemu+ssh://root@kvm2.example:2222/system?no_tty=1")).toBe("kvm2.example");
  expect(calls[0]).toContain("--connect=qemu+ssh://root@kvm2.example:2222/system?no_tty=1");
  expect(await machineFor("qemu+tls://[2001:db8::1]/system")).toBe("[2001:db8::1]");
  expect(await machineFor("qemu:///system")).toBeUndefined();
  expect(await machineFor("qemu+unix:///system?socket=/run/x")).toBeUndefined();
});

test("a guest that ends during the scan is left out without a problem", async () => {
  const { runText } = fakeVirsh({
    "list --uuid": answer(`${A}\n${B}\n`),
    "list --uuid --state-paused": answer(""),
    [`dumpxml -- ${A}`]: answer(domainXml("web1", A)),
    [`dumpxml -- ${B}`]: VANISHED,
  });
  const { endpoints, problems, unread } = await createLibvirtFinder({ runText, ports })(signal);
  expect(endpoints).toHaveLength(2);
  expect([problems, unread]).toEqual([[], []]);
});

test("a guest that cannot be read is a problem and unread, and the others are found", async () => {
  const { runText } = fakeVirsh({
    "list --uuid": answer(`${A}\n${B}\n${C}\n`),
    "list --uuid --state-paused": answer(""),
    [`dumpxml -- ${A}`]: () => Promise.reject(new NegotiatorError("TIMEOUT", "Cannot run virsh: too slow")),
    [`dumpxml -- ${B}`]: answer("<domain><name>cut sh"),
    [`dumpxml -- ${C}`]: answer(domainXml("web3", C)),
  });
  const { endpoints, problems, unread } = await createLibvirtFinder({ runText, ports })(signal);
  expect(endpoints.map(({ guest }) => guest)).toEqual(["web3", "web3"]);
  expect(problems.map(({ code }) => code)).toEqual(["TIMEOUT", "BAD_FRAME"]);
  expect(problems[0]?.message).toContain(A);
  expect(unread).toEqual([
    { source: "libvirt", uuid: A },
    { source: "libvirt", uuid: B },
  ]);
});

const CONNECT = "failed to connect to the hypervisor";

test.each([
  [
    "NO_CHANNEL",
    "systemctl start",
    [CONNECT, "Failed to connect socket to '/run/libvirt/libvirt-sock-ro': No such file or directory"],
  ],
  [
    "NO_CHANNEL",
    "systemctl start",
    [CONNECT, "unable to connect to server at 'kvm2:16509': Connection refused"],
  ],
  [
    "DENIED",
    "Run as root",
    [CONNECT, "Failed to connect socket to '/run/libvirt/libvirt-sock-ro': Permission denied"],
  ],
  ["DENIED", "Run as root", [CONNECT, "authentication unavailable: no polkit agent available"]],
  ["BAD_CONFIG", "--connect qemu:///system", [CONNECT, "no connection driver available for foo:///x"]],
  ["UNSUPPORTED", "libvirt-daemon-driver-qemu", [CONNECT, "no connection driver available for <null>"]],
  [
    "UNSUPPORTED",
    "libvirt-daemon-driver-qemu",
    [CONNECT, "no connection driver available for qemu:///system"],
  ],
  [
    "BAD_CONFIG",
    "--connect qemu:///system",
    [CONNECT, "internal error: unexpected qemu URI path '/nosuch', try qemu:///system"],
  ],
  ["NO_CHANNEL", "virsh uri", [CONNECT, "a message without a known cause\u001b[2J"]],
] as const)(
  "a failed connection to libvirt rejects with %s and the remedy %j",
  async (code, remedy, lines) => {
    const { runText } = fakeVirsh({ "list --uuid": complaint(...lines) });
    const error = await rejectionOf(createLibvirtFinder({ runText, ports })(signal));
    expect(error.code).toBe(code);
    const [first = "", second] = error.message.split("\n");
    expect(first).not.toContain("\u001b");
    expect(first).toContain(lines[1].slice(0, 20));
    expect(second).toContain(remedy);
  },
);

test.each([
  ["an errno", Object.assign(new Error("spawn virsh ENOENT"), { code: "ENOENT" })],
  ["NO_COMMAND", new NegotiatorError("NO_COMMAND", 'Cannot run "virsh"')],
])("a missing virsh, reported by %s, is UNSUPPORTED", async (_, cause) => {
  const error = await rejectionOf(
    createLibvirtFinder({ ports, runText: () => Promise.reject(cause) })(signal),
  );
  expect(error.code).toBe("UNSUPPORTED");
  expect(error.message).toContain("libvirt-clients");
});

test("a scan during which libvirt stops rejects with NO_CHANNEL and aborts its other calls", async () => {
  // One call of virsh reads 25 domains.
  const uuids = [A, ...Array.from({ length: 24 }, (_, n) => A.slice(0, -2) + String(n + 10)), B];
  const { runText } = fakeVirsh({
    "list --uuid": answer(uuids.join("\n")),
    "list --uuid --state-paused": answer(""),
    [`dumpxml -- ${B}`]: complaint(CONNECT, "Failed to connect socket to '/x': Connection refused"),
  });
  const cancelled = Promise.withResolvers<void>();
  const find = createLibvirtFinder({
    ports,
    runText: (argv, options) => {
      if (argv.at(-1)?.includes(A) !== true) return runText(argv, options);
      onAbort(options.signal, cancelled.resolve);
      return new Promise(() => {});
    },
  });
  expect((await rejectionOf(find(signal))).code).toBe("NO_CHANNEL");
  await cancelled.promise;
});

test("a scan of 130 guests needs six calls for their XML, at most four at once", async () => {
  const uuids = Array.from({ length: 130 }, (_, n) => A.slice(0, -3) + String(n + 100));
  let running = 0;
  let most = 0;
  const { runText, calls } = fakeVirsh({
    "list --uuid": answer(uuids.join("\n")),
    "list --uuid --state-paused": answer(""),
    ...Object.fromEntries(
      uuids.map((uuid) => [`dumpxml -- ${uuid}`, answer(domainXml(`g${uuid.slice(-3)}`, uuid))]),
    ),
  });
  const find = createLibvirtFinder({
    ports,
    async runText(argv, options) {
      most = Math.max(most, ++running);
      await new Promise((resolve) => setImmediate(resolve));
      running--;
      return runText(argv, options);
    },
  });
  const { endpoints } = await find(signal);
  expect(endpoints.map(({ uuid }) => uuid)).toEqual(uuids.flatMap((uuid) => [uuid, uuid]));
  expect(calls.filter((words) => words.at(-1)?.startsWith("dumpxml") === true)).toHaveLength(6);
  expect(most).toBe(4);
});

test("a line of virsh list that is not a UUID causes no call", async () => {
  const { runText, calls } = fakeVirsh({
    "list --uuid": answer(` Id Name\n--all\n${A}x\n${A} ; reboot\n-\n`),
    "list --uuid --state-paused": answer(""),
  });
  expect((await createLibvirtFinder({ runText, ports })(signal)).endpoints).toEqual([]);
  expect(calls).toHaveLength(2);
});

test("a scan works with a script instead of virsh", async () => {
  await using directory = await createTemporaryDirectory();
  await directory.write("web.xml", domainXml("a  b", A));
  const script = await directory.write(
    "virsh",
    `#!/bin/sh
[ "$LC_ALL" = C ] || exit 9
case "$*" in
  "--quiet --readonly --connect=test:///x y list --uuid") printf '%s\\n' ${A} ${B} '' ;;
  *"list --uuid --state-paused") echo ;;
  *"dumpxml -- ${A}") cat '${directory.at("web.xml")}' ;;
  *) echo "error: failed to get domain '$4'" >&2; exit 1 ;;
esac
`,
  );
  await chmod(script, 0o755);
  const find = createLibvirtFinder({
    ports,
    connect: "test:///x y",
    runText: ([, ...words], options) => spawnText([script, ...words], options),
  });
  const { endpoints, problems } = await find(signal);
  expect(problems).toEqual([]);
  expect(endpoints.map(({ guest }) => guest)).toEqual(["a  b", "a  b"]);
});
