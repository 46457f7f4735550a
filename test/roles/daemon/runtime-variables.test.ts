/** A daemon whose environment changes the program starts itself again without these variables. */
import { expect, test } from "bun:test";
import { readdir, readFile, readlink } from "node:fs/promises";
import { listenForNotifications } from "../../support/notify-socket.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;

/** Returns the inodes of the sockets that a process listens at, for TCP. */
async function listeners(pid: number): Promise<string[]> {
  const tables = await Promise.all(
    ["tcp", "tcp6"].map((name) => readFile(`/proc/${pid}/net/${name}`, "utf8")),
  );
  const sockets = tables
    .flatMap((table) => table.split("\n").slice(1))
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === "0A");
  const listening = new Set(sockets.map((fields) => `socket:[${fields[9]}]`));
  const fds = await readdir(`/proc/${pid}/fd`);
  const open = await Promise.all(fds.map((fd) => readlink(`/proc/${pid}/fd/${fd}`).catch(() => "")));
  return open.filter((target) => listening.has(target));
}

test(
  "the restarted daemon is the same process with the same words, and says which variables it had",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    await Bun.write(stage.at("preload.ts"), `await Bun.write("${stage.at("loaded")}", String(process.pid));`);
    const socket = stage.at("notify");
    using news = listenForNotifications(socket);
    const daemon = await stage.host.start({
      BUN_OPTIONS: `--preload=${stage.at("preload.ts")}`,
      BUN_INSPECT: "ws://127.0.0.1:0/x",
      BUN_JSC_useDFGJIT: "0",
      NODE_OPTIONS: "--no-warnings",
      NODE_PATH: "/nowhere",
      LD_BIND_NOW: "1",
      NOTIFY_SOCKET: socket,
    });
    // The variable has had its effect in the first program.
    expect(await Bun.file(stage.at("loaded")).text()).toBe(String(daemon.pid));
    const removed = "BUN_OPTIONS, BUN_INSPECT, BUN_JSC_useDFGJIT, NODE_OPTIONS, NODE_PATH, LD_BIND_NOW";
    const log = daemon.log();
    expect(log.split("Starting again without").length).toBe(2);
    for (const name of removed.split(", ")) expect(log).toContain(name);
    const environment = (await readFile(`/proc/${daemon.pid}/environ`, "utf8")).split("\0");
    const names = environment.map((entry) => entry.split("=")[0]);
    expect(names).toContain("NOTIFY_SOCKET");
    expect(names.filter((name) => removed.split(", ").includes(name ?? ""))).toEqual([]);
    const words = (await readFile(`/proc/${daemon.pid}/cmdline`, "utf8")).split("\0").slice(-3);
    expect(words).toEqual(["host", "daemon", ""]);
    expect(await listeners(daemon.pid)).toEqual([]);
    await until("it is ready", () => news.messages().includes("READY=1"));
    daemon.kill("SIGTERM");
    expect(await daemon.exited).toBe(0);
  },
  TIMEOUT_MS,
);

test(
  "a daemon without such variables starts once",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const daemon = await stage.guest().start({ LANG: "C.UTF-8", BUN: "x" });
    expect(daemon.log()).not.toContain("Starting again");
  },
  TIMEOUT_MS,
);
