/** What happens to calls between this machine and a real guest when something between them is cut, stopped or replaced. */
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, SCRIPTS } from "../support/guest-commands.ts";
import type { GuestProcess } from "../support/guest-shell.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram, StartedProgram } from "../support/host-program.ts";
import { STEP_PATIENCE_MS, TEST_PATIENCE_MS } from "../support/patience.ts";
import { createSocketRelay } from "../support/socket-relay.ts";
import type { SocketRelay } from "../support/socket-relay.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";
/** How much comes back between two cuts of a call's channel. */
const CUT_BYTES = 250_000;
const CUTS = 4;
/** Lines that are given at once. */
const LINES = 2000;
/** Soon enough for a test; the daemons think so of each other after 30 s by default. */
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
  }, TEST_PATIENCE_MS);
  afterAll(() => disposal.disposeAsync(), TEST_PATIENCE_MS);

  const startDaemon = async (): Promise<void> => {
    daemon = await host.startDaemon(["--socket", `web=${host.at("port")}`]);
  };
  const startAgent = (): void => {
    agent = vm.spawn("exec negotiator guest daemon");
  };
  const isIn = (state: string): Promise<unknown> =>
    until(
      `the guest is "${state}"`,
      async () => (await host.guest("web"))?.state === state,
      STEP_PATIENCE_MS,
    );

  beforeEach(async () => {
    await startDaemon();
    startAgent();
    await isIn("open");
  }, TEST_PATIENCE_MS);
  afterEach(async () => {
    await daemon[Symbol.asyncDispose]();
    await vm.signal(agent, "KILL");
    await agent.exited;
  }, TEST_PATIENCE_MS);

  const startCall = async (): Promise<StartedProgram> => {
    const call = host.start(["host", "execute", "-t", "0", "web", "echo"], "pipe");
    await until("the command runs", () => call.stdout().endsWith("\n"), STEP_PATIENCE_MS);
    return call;
  };

  test(
    "loses nothing and repeats nothing while its channel is cut again and again",
    async () => {
      await using call = host.start(["host", "execute", "-t", "0", "web", "cat"], "pipe");
      // However fast they pass, there are more lines under way at each cut.
      let areCutsDone = false;
      const feeding = feed(call, () => areCutsDone);
      for (let cut = 1; cut <= CUTS; cut++) {
        const isMore = (): boolean => call.stdout().length > cut * CUT_BYTES;
        await until("more has come back", isMore, STEP_PATIENCE_MS);
        await until("there is a connection to cut", () => relay.cut() > 0, STEP_PATIENCE_MS);
      }
      const seenAtLastCut = call.stdout().length;
      areCutsDone = true;
      const text = await feeding;
      const { exitCode, stdout, stderr } = await call.exited;
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(seenAtLastCut).toBeLessThan(text.length);
      expect(stdout === text).toBe(true);
    },
    TEST_PATIENCE_MS,
  );

  test(
    "from the guest ends as unknown when the host's daemon is another one, and the next call works",
    async () => {
      const call = vm.spawn("echo x | negotiator guest execute -t 0 hang >/tmp/hang");
      const isRunning = async (): Promise<boolean> => (await vm.run("cat /tmp/hang")).stdout.endsWith("\n");
      await until("it runs", isRunning, STEP_PATIENCE_MS);
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
    TEST_PATIENCE_MS,
  );

  test(
    "from a command line ends at once when its daemon is killed, and so does its command",
    async () => {
      await using call = await startCall();
      await daemon[Symbol.asyncDispose]();
      const { exitCode, stderr } = await call.exited;
      expect(exitCode).toBe(125);
      expect(stderr).toContain("The outcome of the call is unknown");
      const pid = call.stdout().split("\n")[0];
      await startDaemon();
      const isEnded = async (): Promise<boolean> => (await vm.run(`kill -0 ${pid}`)).exitCode !== 0;
      await until("its command is ended", isEnded, STEP_PATIENCE_MS);
    },
    TEST_PATIENCE_MS,
  );

  test(
    "ends as unknown when the guest's agent is another one, and the next call works",
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
    TEST_PATIENCE_MS,
  );

  test(
    "goes on after a pause in which the guest counts as unresponsive",
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
    TEST_PATIENCE_MS,
  );

  test(
    "goes on in the QEMU that the guest was restored in",
    async () => {
      await using call = await startCall();
      await exchange(call, "before");
      await vm.saveAndRestore();
      await exchange(call, "after");
      expect(await finish(call)).toEqual({ exitCode: 0, words: ["before", "after"], stderr: "" });
    },
    TEST_PATIENCE_MS,
  );

  test(
    "that runs when the daemon is told to stop is waited for",
    async () => {
      await using call = await startCall();
      daemon.signal("SIGTERM");
      await until("the daemon waits", () => /waiting up to \d+ s for 1 calls/.test(daemon.stderr()));
      await exchange(call, "last words");
      expect(await finish(call)).toEqual({ exitCode: 0, words: ["last words"], stderr: "" });
      expect((await daemon.exited).exitCode).toBe(0);
    },
    TEST_PATIENCE_MS,
  );
});

/** Gives a call numbered lines as its input, as fast as it takes them, until `isEnough`; all of them in one text. */
async function feed(call: StartedProgram, isEnough: () => boolean): Promise<string> {
  let text = "";
  for (let first = 0; !isEnough(); first += LINES) {
    const lines = Array.from({ length: LINES }, (_, index) => `line ${first + index}\n`).join("");
    text += lines;
    await call.stdin?.write(lines);
    await call.stdin?.flush();
  }
  await call.stdin?.end();
  return text;
}

/** Says a word and waits for its echo. */
async function exchange(call: StartedProgram, word: string): Promise<void> {
  await call.stdin?.write(`${word}\n`);
  await call.stdin?.flush();
  const isBack = (): boolean => call.stdout().endsWith(`\n${word}\n`);
  await until(`"${word}" comes back`, isBack, STEP_PATIENCE_MS);
}

async function finish(call: StartedProgram): Promise<unknown> {
  await call.stdin?.end();
  const { exitCode, stdout, stderr } = await call.exited;
  return { exitCode, words: stdout.split("\n").slice(1, -1), stderr };
}
