/** Following libvirt's events: the lines of `virsh event` that matter. */
import { expect, test } from "bun:test";
import { followLibvirt } from "../../../src/discovery/libvirt/libvirt-events.ts";
import type { SpawnLines } from "../../../src/process/run-text.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { linesOf } from "./fake-libvirt.ts";

const signal = new AbortController().signal;

test("only events that can move a socket or concern the guest agent are yielded", async () => {
  const { spawnLines, calls } = linesOf(
    "event 'lifecycle' for domain '-we \"ird'  näme <a>': Suspended Paused",
    "event 'rtc-change' for domain 'web1': 0",
    "event 'agent-lifecycle' for domain 'web1': state: 'connected' reason: 'channel event'",
    "event 'balloon-change' for domain 'x event 'lifecycle' for domain ': 1",
    "event 'device-added' for domain 'web1': channel4",
    "event 'device-removed' for domain 'web1': channel4",
    "warning: event 'lifecycle' for domain 'web1': odd",
    "events received: 6",
    "",
  );
  const events = await Array.fromAsync(followLibvirt({ connect: "qemu:///system", spawnLines }, signal));
  expect(events).toEqual([
    { kind: "lifecycle" },
    { kind: "agent-lifecycle", isByGuest: true },
    { kind: "device-added" },
    { kind: "device-removed" },
  ]);
  expect(calls).toEqual([
    ["virsh", "--quiet", "--readonly", "--connect=qemu:///system", "event", "--all", "--loop"],
  ]);
});

test("a save is yielded with the guest's name, even if the name looks like an event", async () => {
  const { spawnLines } = linesOf(
    "event 'lifecycle' for domain 'my 'g': Stopped Saved': Stopped Saved",
    "event 'lifecycle' for domain 'my 'g': Stopped Saved': Stopped Destroyed",
    "event 'device-added' for domain 'x': Stopped Saved': Stopped Saved",
  );
  const events = await Array.fromAsync(followLibvirt({ spawnLines }, signal));
  expect(events).toEqual([
    { kind: "lifecycle", saved: "my 'g': Stopped Saved" },
    { kind: "lifecycle" },
    { kind: "device-added" },
  ]);
});

const spawnNothing: SpawnLines = () => {
  throw Object.assign(new Error("spawn virsh ENOENT"), { code: "ENOENT" });
};

test("following libvirt's events without virsh rejects with UNSUPPORTED", async () => {
  const error = await rejectionOf(followLibvirt({ spawnLines: spawnNothing }, signal).next());
  expect(error.code).toBe("UNSUPPORTED");
});
