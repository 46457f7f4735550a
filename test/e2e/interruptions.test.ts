/** Tests calls with a real guest while the channel, a daemon or QEMU is cut, stopped or replaced. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, SCRIPTS } from "../support/guest-commands.ts";
import type { GuestProcess } from "../support/guest-shell.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram, StartedProgram } from "../support/host-program.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { createSocketRelay } from "../support/socket-relay.ts";
import type { SocketRelay } from "../support/socket-relay.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";
/** The output between two cuts of a call's channel. */
const CUT_BYTES = 250_000;
const CUTS = 4;
/** The number of lines in one write. */
const LINES = 2000;
/** Makes a silent peer unresponsive after 3 s, instead of 30 s. */
const LIMITS = "[limits]\npingAfterMs = 1000\nunresponsiveAfterMs = 3000\n";

await describeWithVm("a call to a real guest", () => {
  let vm: VirtualMachine<typeof PORT>;
  let host: HostProgram;
  let relay: SocketRelay;
  let daemon: StartedProgram;
  let agent: GuestProcess;
  const disposal = new AsyncDisposableStack();

  beforeAll(async () => {
    const binary = await hostBinary();
    host = disposal.use(await createHostProgram({ binary, commands: SCRIPTS, config: LIMITS }));
    const files = { ...COMMAND_FILES, "/etc/negotiator/negotiator.toml": { text: LIMITS } };
    vm = disposal.use(await bootVm({ binary, ports: [PORT], files }));
    relay = disposal.use(await createSocketRelay(host.at("port"), vm.sockets[PORT]));
  }, TEST_TIMEOUT_MS);
  afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

  const startDaemon = async (): Promise<void> => {
    daemon = await host.startDaemon(["--socket", `web=${host.at("port")}`]);
  };
  const startAgent = (): void => {
    agent = vm.spawn("exec negotiator guest daemon");
  };
  const isIn = (state: string): Promise<unknown> =>
    until(`the guest is "${state}"`, async () => (await host.guest("web"))?.state === state, STEP_TIMEOUT_MS);

  beforeEach(async () => {
    await startDaemon();
    startAgent();
    await isIn("open");
  }, TEST_TIMEOUT_MS);
  afterEach(async () => {
    await daemon[Symbol.asyncDispose]();
    await vm.signal(agent, "KILL");
    await agent.exited;
  }, TEST_TIMEOUT_MS);

  const startCall = async (): Promise<StartedProgram> => {
    const call = host.start(["host", "execute", "-t", "0", "web", "echo"], "pipe");
    await call.prints("the command runs", (text) => text.endsWith("\n"));
    return call;
  };

  test(
    "a call loses and repeats no bytes while its channel is cut again and again",
    async () => {
      await using call = host.start(["host", "execute", "-t", "0", "web", "cat"], "pipe");
      // A fixed input might end before the last cut, so the call gets lines until then.
      let areCutsDone = false;
      const feeding = feed(call, () => areCutsDone);
      for (let cut = 1; cut <= CUTS; cut++) {
        await call.prints("more comes back", (text) => text.length > cut * CUT_BYTES);
        await until("there is a connection to cut", () => relay.cut() > 0, STEP_TIMEOUT_MS);
      }
      const seenAtLastCut = call.stdout().length;
      areCutsDone = true;
      const text = await feeding;
      const { exitCode, stdout, stderr } = await call.exited;
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(seenAtLastCut).toBeLessThan(text.length);
      expect(stdout === text).toBe(true);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a guest's call ends with 125 when the host's daemon is replaced, and the next call works",
    async () => {
      const call = vm.spawn("echo x | negotiator guest execute -t 0 hang >/tmp/hang");
      const isRunning = async (): Promise<boolean> => (await vm.run("cat /tmp/hang")).stdout.endsWith("\n");
      await until("the command runs", isRunning, STEP_TIMEOUT_MS);
      await daemon[Symbol.asyncDispose]();
      await startDaemon();
      const { exitCode, stderr } = await call.exited;
      expect(exitCode).toBe(125);
      expect(stderr).toContain("The peer was restarted: the outcome of the call is unknown");
      expect(await vm.run("negotiator guest execute show 1; rm /tmp/hang")).toMatchObject({
        stdout: "[1]\n",
      });
      expect(await host.run(["host", "execute", "web", "show", "2"])).toMatchObject({ stdout: "[2]\n" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a call and its command end when the caller's daemon is killed",
    async () => {
      await using call = await startCall();
      await daemon[Symbol.asyncDispose]();
      const { exitCode, stderr } = await call.exited;
      expect(exitCode).toBe(125);
      expect(stderr).toContain("The outcome of the call is unknown");
      const pid = call.stdout().split("\n")[0];
      await startDaemon();
      const isEnded = async (): Promise<boolean> => (await vm.run(`kill -0 ${pid}`)).exitCode !== 0;
      await until("its command has ended", isEnded, STEP_TIMEOUT_MS);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a call ends with 125 when the guest's daemon is replaced, and the next call works",
    async () => {
      await using call = await startCall();
      await vm.signal(agent, "KILL");
      await agent.exited;
      startAgent();
      const { exitCode, stderr } = await call.exited;
      expect(exitCode).toBe(125);
      expect(stderr).toContain("The peer was restarted: the outcome of the call is unknown");
      expect(await host.run(["host", "execute", "web", "show", "1"])).toMatchObject({ stdout: "[1]\n" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a call goes on after a pause that made the guest unresponsive",
    async () => {
      await using call = await startCall();
      await exchange(call, "before");
      await vm.pause();
      await isIn("unresponsive");
      await vm.resume();
      await isIn("open");
      await exchange(call, "after");
      expect(await finish(call)).toEqual({ exitCode: 0, words: ["before", "after"], stderr: "" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "while its guest is paused, a call ends at its deadline, its connect timeout, or after SIGTERM",
    async () => {
      await using running = await startCall();
      await vm.pause();
      const late = await host.run(["host", "execute", "-t", "3", "web", "show", "1"]);
      expect({ exitCode: late.exitCode, stdout: late.stdout }).toEqual({ exitCode: 124, stdout: "" });
      const unreached = await host.run(["host", "execute", "--connect-timeout", "3", "web", "show", "1"]);
      expect({ exitCode: unreached.exitCode, stdout: unreached.stdout }).toEqual({
        exitCode: 125,
        stdout: "",
      });
      expect(unreached.stderr).toContain('Guest "web" does not answer');
      running.signal("SIGTERM");
      expect((await running.exited).exitCode).toBe(128 + 15);
      await vm.resume();
      await isIn("open");
      expect(await host.run(["host", "execute", "web", "show", "2"])).toMatchObject({ stdout: "[2]\n" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a call goes on after its guest was saved and restored in another QEMU",
    async () => {
      await using call = await startCall();
      await exchange(call, "before");
      await vm.saveAndRestore();
      await exchange(call, "after");
      expect(await finish(call)).toEqual({ exitCode: 0, words: ["before", "after"], stderr: "" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a daemon that gets SIGTERM waits for the running call",
    async () => {
      await using call = await startCall();
      daemon.signal("SIGTERM");
      await until("the daemon waits", () => /waiting up to \d+ s for 1 call$/m.test(daemon.stderr()));
      await exchange(call, "last words");
      expect(await finish(call)).toEqual({ exitCode: 0, words: ["last words"], stderr: "" });
      expect((await daemon.exited).exitCode).toBe(0);
    },
    TEST_TIMEOUT_MS,
  );
});

/** Writes numbered lines to a call until `isEnough`, and returns all of them as one text. */
async function feed(call: StartedProgram, isEnough: () => boolean): Promise<string> {
  let text = "";
  for (let first = 0; !isEnough(); first += LINES) {
    const lines = Array.from({ length: LINES }, (_, index) => `line ${first + index}\n`).join("");
    text += lines;
    await call.write(lines);
  }
  await call.end();
  return text;
}

/** Sends a word and waits for its echo. */
async function exchange(call: StartedProgram, word: string): Promise<void> {
  await call.write(`${word}\n`);
  await call.prints(`"${word}" comes back`, (text) => text.endsWith(`\n${word}\n`));
}

async function finish(call: StartedProgram): Promise<unknown> {
  await call.end();
  const { exitCode, stdout, stderr } = await call.exited;
  return { exitCode, words: stdout.split("\n").slice(1, -1), stderr };
}
