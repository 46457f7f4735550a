/** Which processes may listen at the socket of a QEMU that was found: real processes in the real /proc. */
import { expect, test } from "bun:test";
import { chmod, mkdir, unlink } from "node:fs/promises";
import { dialSocket } from "../../../src/channels/socket/socket.ts";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { listenerOf } from "../../../src/discovery/listener.ts";
import { createQemuFinder } from "../../../src/discovery/qemu/qemu.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { FOREIGN_NAMESPACES, IS_ROOT, startFalseQemu, startListener } from "../../support/other-process.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { OWN_PORTS } from "../endpoint-sample.ts";

const signal = new AbortController().signal;
const PORT = "negotiator-host-to-guest.0";

function claim(name: string, path: string): string[] {
  const chardev = `socket,id=c0,path=${path},server=on,wait=off`;
  return ["-name", name, "-chardev", chardev, "-device", `virtserialport,chardev=c0,name=${PORT}`];
}

/** A directory with a program that has the name of a QEMU, and the socket of a guest. */
async function createHost() {
  const directory = await createTemporaryDirectory();
  // The tests of two runs must not see the guests of each other.
  const name = `guest-${process.pid}-${Math.random()}`;
  const path = directory.at("socket");
  const programs = directory.at("bin");
  const scan = async () => {
    const { endpoints, problems } = await createQemuFinder({ ports: OWN_PORTS })(signal);
    return { endpoints: endpoints.filter(({ guest }) => guest === name), problems };
  };
  return {
    directory,
    name,
    path,
    programs,
    scan,
    async find(): Promise<Endpoint> {
      const [found] = (await scan()).endpoints;
      if (found === undefined) throw new Error("No endpoint was found");
      return found;
    },
    start: (guest = name) => startFalseQemu(programs, claim(guest, path), { path }),
    [Symbol.asyncDispose]: () => directory[Symbol.asyncDispose](),
  };
}

function dial(endpoint: Endpoint) {
  return dialSocket(endpoint.path, { listener: listenerOf(endpoint, createUserCache()) });
}

test("the process that was found is dialled, and no other one while it runs", async () => {
  await using host = await createHost();
  await using qemu = await host.start();
  const found = await host.find();
  expect(found).toMatchObject({ source: "qemu", qemu: { pid: qemu.pid } });
  await (await dial(found)).close();
  await qemu.says("connected\nclosed");
  await using plain = await startListener(host.path);
  expect((await rejectionOf(dial(found))).message).toContain(
    `process ${plain.pid} listens there, which is not the guest's QEMU, which is process ${qemu.pid}\n`,
  );
  await using second = await host.start();
  expect((await rejectionOf(dial(found))).code).toBe("DENIED");
  await second.says("connected\nclosed");
  expect(plain.printed() + second.printed()).not.toContain("got");
});

test("after its end, another QEMU of the same guest is dialled, and no other program or guest", async () => {
  await using host = await createHost();
  const qemu = await host.start();
  const found = await host.find();
  await qemu[Symbol.asyncDispose]();
  {
    await using plain = await startListener(host.path);
    expect((await rejectionOf(dial(found))).message).toContain(
      `process ${plain.pid} listens there, which is not a QEMU of this host\n`,
    );
  }
  {
    await using stranger = await host.start(`${host.name}-other`);
    expect((await rejectionOf(dial(found))).message).toContain(
      `process ${stranger.pid} listens there, which is not a QEMU of this guest\n`,
    );
  }
  await using next = await host.start();
  await (await dial(found)).close();
  await next.says("connected\nclosed");
});

test("a running QEMU counts after an upgrade has removed its program", async () => {
  await using host = await createHost();
  await using linked = await host.start();
  await unlink(linked.program);
  expect((await host.scan()).problems.map(({ message }) => message).join("\n")).toContain(
    `Cannot use the QEMU process ${linked.pid}: it has a program that is not our "${linked.program}"`,
  );
  await Bun.write(linked.program, Bun.file(process.execPath));
  await chmod(linked.program, 0o755);
  await using copied = await host.start();
  await unlink(copied.program);
  expect((await host.find()).qemu?.pid).toBe(copied.pid);
});

test("a program in a directory of everybody does not count", async () => {
  await using host = await createHost();
  await mkdir(host.programs);
  await using qemu = await host.start();
  await chmod(host.programs, 0o777);
  const { problems, endpoints } = await host.scan();
  expect(endpoints).toEqual([]);
  expect(problems.map(({ message }) => message).join("\n")).toContain(
    `QEMU process ${qemu.pid}: it has a program that others can replace: everybody may write to`,
  );
});

test.if(IS_ROOT).each([...Object.entries(FOREIGN_NAMESPACES), ["mount", ["unshare", "--mount"]]] as const)(
  "root's QEMU in another %s namespace does not count (needs root)",
  async (kind, wrap) => {
    await using host = await createHost();
    await using _ = await startFalseQemu(host.programs, claim(host.name, host.path), {
      path: host.path,
      wrap,
    });
    const { problems, endpoints } = await host.scan();
    expect(endpoints).toEqual([]);
    expect(problems.map(({ message }) => message).join("\n")).toContain(
      `it runs in another ${kind} namespace, as in a container`,
    );
  },
);
