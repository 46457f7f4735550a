/** Calls without the daemon: the search for a guest, the choice of its port, and the errors of both. */
import { describe, expect, spyOn, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { virshAt } from "../../../src/discovery/attach-line.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { startCall } from "../../../src/peers/call-time.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import type { PeerConnection } from "../../../src/roles/cli/peer-connection.ts";
import { connectGuestDirectly, findEndpoints } from "../../../src/roles/host/direct.ts";
import { readAudit } from "../../support/audit-lines.ts";
import { createQuickHost, listenAs } from "../../support/quick-host.ts";
import type { LineOptions, QuickHost, VirshAnswers } from "../../support/quick-host.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { spyOnOutput } from "../../support/spied-output.ts";
import { domainXml, UUIDS } from "../../discovery/libvirt/fake-libvirt.ts";

const PORT = "negotiator-host-to-guest.0";
const SHARED_PORT = "negotiator-channel.0";
const AGENT_PORT = "org.qemu.guest_agent.0";
const [UUID, OTHER_UUID] = UUIDS;

type Guests = NonNullable<LineOptions["settings"]>["guests"];

/** The guests of a config: names, ports, and the names of their sockets in the directory of the host. */
function namedIn(host: QuickHost, ...guests: [name: string, port: string, socket: string][]): LineOptions {
  const named: Guests = guests.map(([name, port, socket]) => ({
    name,
    port,
    socket: host.directory.at(socket),
  }));
  return { settings: { guests: named } };
}

/** Connects to `web1`, within this time. */
function connect(
  host: QuickHost,
  line: LineOptions,
  { connectTimeoutMs = 20_000, call = false }: { connectTimeoutMs?: number; call?: boolean } = {},
): Promise<PeerConnection> {
  return connectGuestDirectly("web1", host.line(line), {
    time: startCall({ timeoutMs: 0, connectTimeoutMs }),
    signal: new AbortController().signal,
    ...(call && { call: { command: "uptime", args: ["-p"] } }),
  });
}

const infoOf = ({ peer }: PeerConnection): Promise<unknown> =>
  peer.call("hello-of-test", {}, { timeoutMs: 20_000 }).result;

/** Listens at a socket, and answers nothing. */
function listenSilently(path: string): Disposable {
  const server = Bun.listen({ unix: path, socket: { data: () => undefined } });
  return { [Symbol.dispose]: () => server.stop(true) };
}

describe("a guest", () => {
  test("is called over its socket", async () => {
    await using host = await createQuickHost();
    await using _ = await listenAs("guest", host.directory.at("w"), { "hello-of-test": { it: "works" } }, []);
    await using connection = await connect(host, namedIn(host, ["db1", PORT, "d"], ["web1", PORT, "w"]));
    expect(await infoOf(connection)).toEqual({ it: "works" });
  });

  test("is called over the best of its ports", async () => {
    await using host = await createQuickHost();
    await using best = await listenAs("guest", host.directory.at("w"), { "hello-of-test": "best" }, []);
    await using _ = await listenAs("guest", host.directory.at("s"), { "hello-of-test": "shared" }, []);
    const both = namedIn(host, ["web1", SHARED_PORT, "s"], ["web1", PORT, "w"]);
    await using connection = await connect(host, both);
    expect(await infoOf(connection)).toBe("best");
    await using other = await connect(host, namedIn(host, ["web1", SHARED_PORT, "s"]));
    expect(await infoOf(other)).toBe("shared");
    expect(best.inode).toBeGreaterThan(0);
  });

  test("is refused while the daemon holds its socket", async () => {
    await using host = await createQuickHost({
      daemon: { status: () => ({ guests: [], pid: 4711, held: [host.directory.at("w")] }) },
    });
    const { code, message } = await rejectionOf(connect(host, namedIn(host, ["web1", PORT, "w"])));
    expect(code).toBe("BUSY");
    expect(message).toBe(
      'Cannot open the channel of guest "web1": negotiator host daemon (process 4711) holds ' +
        `"${host.directory.at("w")}"\nLeave out --direct and --socket: the daemon passes the call on`,
    );
    await using _ = await listenAs("guest", host.directory.at("free"), { "hello-of-test": "free" }, []);
    await using connection = await connect(host, namedIn(host, ["web1", PORT, "free"]));
    expect(await infoOf(connection)).toBe("free");
  });

  test("that does not answer in time is explained with its socket", async () => {
    await using host = await createQuickHost();
    using _ = listenSilently(host.directory.at("silent"));
    const line = namedIn(host, ["web1", PORT, "silent"]);
    const { code, message } = await rejectionOf(connect(host, line, { connectTimeoutMs: 100 }));
    expect(code).toBe("NO_CHANNEL");
    expect(message).toContain("its channel is there, but no agent answers on it\n");
    expect(message).toEndWith(`ss -xp | grep ${host.directory.at("silent")}`);
  });

  test("that cannot be dialled is an error with its socket", async () => {
    await using host = await createQuickHost();
    const { code, message } = await rejectionOf(connect(host, namedIn(host, ["web1", PORT, "none"])));
    expect(code).toBe("NO_CHANNEL");
    expect(message).toContain(host.directory.at("none"));
  });

  test("on another machine is to be called there", async () => {
    await using host = await createQuickHost({ virsh: libvirtWith(["web1"]) });
    const line: LineOptions = { host: { libvirt: "yes", connect: "qemu+ssh://kvm2/system" } };
    const { code, message } = await rejectionOf(connect(host, line));
    expect(code).toBe("NO_CHANNEL");
    expect(message).toStartWith('Guest "web1" runs on another machine: kvm2\nRun this command on kvm2');
  });

  test("without a port on which the host calls lacks the usual one", async () => {
    await using host = await createQuickHost();
    const lacks = `Guest "web1" runs, but has no port ${PORT}`;
    const back = "negotiator-guest-to-host.0";
    const one = await rejectionOf(connect(host, namedIn(host, ["web1", back, "b"])));
    expect(one.code).toBe("NO_CHANNEL");
    expect(one.message).toStartWith(`${lacks}\n`);
    const two = namedIn(host, ["web1", back, "b"], ["web1", AGENT_PORT, "q"]);
    expect((await rejectionOf(connect(host, two))).message).toStartWith(`${lacks}\n`);
  });

  test("with only the QEMU guest agent is called if the host keeps commands for it", async () => {
    await using host = await createQuickHost();
    const kept = host.directory.at("kept");
    const line = { ...namedIn(host, ["web1", AGENT_PORT, "q"]), host: { guestCommandsDirectory: kept } };
    const { message } = await rejectionOf(connect(host, line));
    expect(message).toStartWith(`Guest "web1" runs, but has no port ${PORT} (it has: ${AGENT_PORT})\n`);
    expect(message).toContain("Or put commands for its QEMU guest agent into");
    await chmod(await host.directory.write("kept/hello", "#!/bin/sh\n"), 0o755);
    await using connection = await connect(host, line);
    expect(connection.peer.can.methods).toContain("execute");
  });

  test("with a session's port is not called through the QEMU guest agent", async () => {
    await using host = await createQuickHost();
    await chmod(await host.directory.write("kept/hello", "#!/bin/sh\n"), 0o755);
    await using _ = await listenAs("guest", host.directory.at("w"), { "hello-of-test": "native" }, []);
    const line = namedIn(host, ["web1", AGENT_PORT, "q"], ["web1", PORT, "w"]);
    await using connection = await connect(host, {
      ...line,
      host: { guestCommandsDirectory: host.directory.at("kept") },
    });
    expect(await infoOf(connection)).toBe("native");
  });

  test("that cannot be reached for a call is written down in the audit", async () => {
    await using host = await createQuickHost();
    await rejectionOf(connect(host, namedIn(host, ["web1", PORT, "none"]), { call: true }));
    expect(await readAudit(host.directory.at("audit"))).toMatchObject([
      { role: "host", direction: "outgoing", peer: { guest: "web1" }, command: "uptime" },
    ]);
  });
});

/** A libvirt with running domains of these names, each with our ports. */
function libvirtWith(names: readonly string[], more: VirshAnswers = {}): VirshAnswers {
  const domains = names.map((name, index) => ({ uuid: UUIDS[index] ?? "", name }));
  const dumps = domains.map(({ name, uuid }) => domainXml(name, uuid));
  return {
    uri: "test:///x",
    "list --uuid": domains.map(({ uuid }) => uuid).join("\n"),
    "list --uuid --state-paused": "",
    ...Object.fromEntries(domains.map(({ uuid }, index) => [`dumpxml -- ${uuid}`, dumps[index] ?? ""])),
    [domains.map(({ uuid }) => `dumpxml ${uuid}`).join("; ")]: dumps.join(""),
    ...more,
  };
}

const WITH_LIBVIRT: LineOptions = { host: { libvirt: "yes" } };

/** Searches for a guest. Returns its endpoints and the log, and what is said of a guest that is missing. */
async function search(line: LineOptions, virsh?: VirshAnswers, name?: string, missing = "web9") {
  await using host = await createQuickHost(virsh === undefined ? {} : { virsh });
  const { result, stderr } = await spyOnOutput(() => findEndpoints(host.line(line), name));
  const { code, message } = await result.explainMissing(missing);
  return { names: result.endpoints.map(({ guest }) => guest), log: stderr, code, lines: message.split("\n") };
}

const named = (...names: string[]): LineOptions => ({
  settings: { guests: names.map((name) => ({ name, port: PORT, socket: `/run/${name}` })) },
});

describe("a guest that is not found", () => {
  test("may be a mistyped one, or is to be looked for in the list", async () => {
    expect(await search(named("web1", "db1"), undefined, "x", "wbe1")).toMatchObject({
      names: ["web1", "db1"],
      code: "NO_GUEST",
      lines: [expect.stringMatching(/is called "wbe1"$/), 'Did you mean "web1"?'],
    });
    expect((await search(named("db1"))).lines[1]).toBe("List the guests with: negotiator host list-guests");
    expect((await search({})).lines[1]).toBe("List the guests with: negotiator host list-guests");
  });

  test("of --socket is none of those alone", async () => {
    const options = { socket: ["db1=/run/d", "db2=/run/e"] };
    expect((await search({ options })).lines[1]).toBe(
      "Use a guest of --socket, as it leaves out all others: db1, db2",
    );
  });

  test("is shut off, or runs without our port, if libvirt says so", async () => {
    const off = `<domain><name>web9</name><uuid>${OTHER_UUID}</uuid></domain>`;
    const stopped = libvirtWith(["web1"], { "dumpxml -- web9": off });
    expect((await search(WITH_LIBVIRT, stopped)).lines).toEqual([
      'Guest "web9" is shut off',
      `Start it: ${virshAt()} start web9`,
    ]);
    const bare = off.replace("<domain>", "<domain id='1'>");
    const running = libvirtWith(["web1"], { "dumpxml -- web9": bare });
    expect((await search(WITH_LIBVIRT, running)).lines[0]).toBe(
      `Guest "web9" runs, but has no port ${PORT} (it has: none)`,
    );
  });

  test("by a user who asked its own libvirt is explained by that, without other guests", async () => {
    using _ = spyOn(process, "geteuid").mockReturnValue(1000);
    const own = { uri: "qemu:///session" };
    expect((await search(WITH_LIBVIRT, libvirtWith([], own))).code).toBe("DENIED");
    expect((await search(WITH_LIBVIRT, libvirtWith(["web1"], own))).code).toBe("NO_GUEST");
    expect((await search(WITH_LIBVIRT, libvirtWith([]))).code).toBe("NO_GUEST");
  });
});

describe("a search", () => {
  test("uses the dialects of the program by default, and others if they are given", async () => {
    await using host = await createQuickHost();
    const line = host.line({ options: { socket: [`web1:${AGENT_PORT}=/run/q`] } });
    expect((await findEndpoints(line)).endpoints).toMatchObject([{ guest: "web1", port: AGENT_PORT }]);
    const native = { ...line, dialects: createDialectTable([]) };
    expect((await rejectionOf(findEndpoints(native))).code).toBe("BAD_USAGE");
  });

  const odd = { [`dumpxml -- ${OTHER_UUID}`]: { complaint: "odd" } } satisfies VirshAnswers;
  const listed = `${UUID}\n${OTHER_UUID}`;
  const dumps = `dumpxml ${UUID}; dumpxml ${OTHER_UUID}`;

  test("with problems logs them if it finds a guest, and fails with the first if not", async () => {
    const some = libvirtWith(["web1"], { "list --uuid": listed, [dumps]: domainXml("web1", UUID), ...odd });
    const found = await search(WITH_LIBVIRT, some);
    expect(found.names).toContain("web1");
    expect(found.log).toContain("odd");
    const none = libvirtWith([], { "list --uuid": OTHER_UUID, ...odd });
    expect((await rejectionOf(search(WITH_LIBVIRT, none))).message).toContain("odd");
  });

  /** Two machines are called `twin`, and another guest is found by the config. */
  const twins = libvirtWith(["twin", "twin"]);
  const beside: LineOptions = { ...WITH_LIBVIRT, ...named("web1") };

  test("for one of two guests with one name fails with the clash", async () => {
    const { message } = await rejectionOf(search(beside, twins, "twin"));
    expect(message).toStartWith("Cannot tell two guests apart: ");
  });

  test("for another guest does not tell of the clash, and one for all guests does", async () => {
    expect(await search(beside, twins, "web1")).toMatchObject({ names: ["web1"], log: "" });
    const { names, log } = await search(beside, twins);
    expect(names).toEqual(["web1"]);
    expect(log).toContain("Cannot tell two guests apart: ");
  });

  test("that takes too long is an error with the way to look at libvirt", async () => {
    await using host = await createQuickHost({ virsh: libvirtWith([]) });
    const line = host.line({ host: { libvirt: "yes", connect: "test:///x" } });
    const { code, message } = await rejectionOf(findEndpoints(line, "web1", AbortSignal.abort()));
    expect(code).toBe("NO_CHANNEL");
    expect(message.split("\n")).toEqual([
      "Cannot find guests: the search did not end in time",
      "See whether libvirt answers: virsh --connect test:///x list",
      "Give it more time: --connect-timeout SECONDS",
    ]);
  });

  test("fails with the error of libvirt", async () => {
    const down = {
      "list --uuid": { complaint: "failed to connect to the hypervisor\nerror: Connection refused" },
    };
    const error = await rejectionOf(search(WITH_LIBVIRT, down));
    expect(error).toBeInstanceOf(NegotiatorError);
    expect(error.message).toContain("Connection refused");
  });
});
