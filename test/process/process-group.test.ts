/** The end of process groups: which signals go out, and for how long it waits. */
import { afterEach, expect, jest, spyOn, test } from "bun:test";
import { readFileSync } from "node:fs";
import { endGroup, signalGroup } from "../../src/process/process-group.ts";
import { until } from "../support/until.ts";

afterEach(() => jest.restoreAllMocks());

/** It is not the number of a process. */
const GROUP = 4_194_305;
const ENDED = Promise.resolve();
const NEVER = Promise.withResolvers<never>().promise;

const failWith = (code: string): never => {
  throw Object.assign(new Error(code), { code });
};

/** Replaces kill(2). `hasMembers` answers for each signal. Returns the signals with the ms of their time. */
function replaceKill(hasMembers: (signal: string | number | undefined) => boolean) {
  let nowMs = 1000;
  const sent: unknown[] = [];
  const slept: number[] = [];
  spyOn(performance, "now").mockImplementation(() => nowMs);
  spyOn(process, "kill").mockImplementation((pid, signal) => {
    sent.push([pid, signal, nowMs - 1000]);
    return hasMembers(signal) ? true : failWith("ESRCH");
  });
  spyOn(Bun, "sleep").mockImplementation((ms) => {
    slept.push(Number(ms));
    return Promise.resolve().then(() => void (nowMs += Number(ms)));
  });
  return { sent, slept };
}

test("a group whose members have all ended by SIGTERM is not waited for", async () => {
  const { sent, slept } = replaceKill((signal) => signal !== 0);
  await endGroup({ pid: GROUP, exit: ENDED }, 5000);
  expect(sent).toEqual([
    [-GROUP, "SIGTERM", 0],
    [-GROUP, "SIGCONT", 0],
    [-GROUP, 0, 0],
    [-GROUP, "SIGKILL", 0],
    [-GROUP, 0, 0],
  ]);
  expect(slept).toEqual([]);
});

/** A process that leads a group, and a child in that group. Both ignore SIGTERM. */
async function startGroup(): Promise<AsyncDisposable & { pid: number; exit: Promise<unknown> }> {
  const script = "trap '' TERM; (echo ready; exec sleep 600) & wait";
  const child = Bun.spawn(["/bin/sh", "-c", script], {
    stdio: ["ignore", "pipe", "ignore"],
    detached: true,
  });
  await child.stdout.getReader().read();
  return {
    pid: child.pid,
    exit: child.exited,
    async [Symbol.asyncDispose]() {
      jest.restoreAllMocks();
      signalGroup(child.pid, "SIGKILL");
      await child.exited;
    },
  };
}

test("members that run get SIGKILL after the grace time, and the wait for them is a second", async () => {
  await using group = await startGroup();
  const { sent, slept } = replaceKill(() => true);
  await endGroup({ pid: group.pid, exit: ENDED }, 1000);
  const signals = sent.filter((one) => !JSON.stringify(one).includes(",0,"));
  expect(signals).toEqual([
    [-group.pid, "SIGTERM", 0],
    [-group.pid, "SIGCONT", 0],
    [-group.pid, "SIGKILL", 1000],
  ]);
  // The pauses grow to 200 ms, and the last one ends in time.
  const pauses = [5, 10, 20, 40, 80, 160, 200, 200, 200, 85];
  expect(slept).toEqual([...pauses, ...pauses]);
});

test("zombies and other groups do not count as members that run", async () => {
  // The group of the first process has only that, and `sleep` never asks for its end.
  const words = ["/bin/sh", "-c", "setsid /bin/true & echo $!; exec sleep 600"];
  await using child = Bun.spawn(words, { stdio: ["ignore", "pipe", "ignore"] });
  const { value } = await child.stdout.getReader().read();
  const zombie = Number(Buffer.from(value ?? []).toString());
  await until("it is a zombie in its group", () =>
    readFileSync(`/proc/${zombie}/stat`, "utf8").startsWith(`${zombie} (true) Z `),
  );
  expect(signalGroup(zombie, 0)).toBe(true);
  const { slept } = replaceKill(() => true);
  await endGroup({ pid: zombie, exit: ENDED }, 1000);
  expect(slept).toEqual([]);
});

test("a group without a grace time is killed at once", async () => {
  await using group = await startGroup();
  await endGroup(group, 0);
  await until("the group is gone", () => !signalGroup(group.pid, 0));
});

async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

test("the leader is waited for within the grace time, and a second after SIGKILL", async () => {
  jest.useFakeTimers();
  try {
    const sent: unknown[] = [];
    spyOn(process, "kill").mockImplementation((_, signal) => {
      if (signal === 0) return failWith("ESRCH");
      sent.push(signal);
      return true;
    });
    let isOver = false;
    void endGroup({ pid: GROUP, exit: NEVER }, 5000).then(() => (isOver = true));
    await settle();
    jest.advanceTimersByTime(4999);
    await settle();
    expect(sent).toEqual(["SIGTERM", "SIGCONT"]);
    jest.advanceTimersByTime(1);
    await settle();
    expect(sent).toEqual(["SIGTERM", "SIGCONT", "SIGKILL"]);
    jest.advanceTimersByTime(999);
    await settle();
    expect(isOver).toBe(false);
    jest.advanceTimersByTime(1);
    await settle();
    expect(isOver).toBe(true);
  } finally {
    jest.useRealTimers();
  }
});

test("signalGroup is false for a group without members, and true for one of another user", () => {
  const kill = spyOn(process, "kill").mockImplementation(() => failWith("ESRCH"));
  expect(signalGroup(GROUP, 0)).toBe(false);
  kill.mockImplementation(() => failWith("EPERM"));
  expect(signalGroup(GROUP, 0)).toBe(true);
  kill.mockImplementation(() => true);
  expect(signalGroup(GROUP, "SIGTERM")).toBe(true);
  expect(kill).toHaveBeenLastCalledWith(-GROUP, "SIGTERM");
});
