/** Tests calls of real guests with two ports, with one port for both directions, and without a port. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, SCRIPTS } from "../support/guest-commands.ts";
import type { GuestProcess } from "../support/guest-shell.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram } from "../support/host-program.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm } from "../support/vm.ts";

const CALLS = "negotiator-host-to-guest.0";
const ASKS = "negotiator-guest-to-host.0";
const BOTH = "negotiator-channel.0";
/** The host's daemon notices a killed agent only by its silence, so this shortens the default of 30 s. */
const LIMITS = "[limits]\npingAfterMs = 1000\nunresponsiveAfterMs = 3000\n";
const AGENT = "exec negotiator guest daemon";

await describeWithVm("guests with different ports", () => {
  let host: HostProgram;
  let pair: VirtualMachine<typeof CALLS | typeof ASKS>;
  let single: VirtualMachine<typeof BOTH>;
  const disposal = new AsyncDisposableStack();

  beforeAll(async () => {
    const binary = await hostBinary();
    host = disposal.use(await createHostProgram({ binary, commands: SCRIPTS, config: LIMITS }));
    [pair, single] = await Promise.all([
      bootVm({ binary, ports: [CALLS, ASKS], files: COMMAND_FILES }),
      bootVm({ binary, ports: [BOTH], files: COMMAND_FILES }),
    ]);
    disposal.use(pair);
    disposal.use(single);
    const sockets = [
      `pair=${pair.sockets[CALLS]}`,
      `pair:${ASKS}=${pair.sockets[ASKS]}`,
      `single:${BOTH}=${single.sockets[BOTH]}`,
    ];
    disposal.use(await host.startDaemon(sockets.flatMap((socket) => ["--socket", socket])));
  }, TEST_TIMEOUT_MS);
  afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

  /** Starts a guest's agent and waits for its session. Disposal kills it. */
  const startAgent = async (name: "pair" | "single"): Promise<AsyncDisposable> => {
    const vm: Pick<VirtualMachine<string>, "run" | "spawn" | "signal"> = name === "pair" ? pair : single;
    const agent: GuestProcess = vm.spawn(AGENT);
    // The host's daemon may still report the previous agent as open, so this asks the new agent.
    const isOpen = async (): Promise<boolean> =>
      (await vm.run("negotiator guest status --json")).stdout.includes('"state":"open"');
    await until(`the agent of "${name}" has an open session`, isOpen, STEP_TIMEOUT_MS);
    return {
      async [Symbol.asyncDispose]() {
        await vm.signal(agent, "KILL");
        await agent.exited;
      },
    };
  };

  test(
    "one daemon serves two guests at once and does not confuse them",
    async () => {
      await using agents = new AsyncDisposableStack();
      agents.use(await startAgent("pair"));
      agents.use(await startAgent("single"));
      expect((await host.run(["host", "list-guests"])).stdout).toBe("pair\nsingle\n");
      const [there, here] = await Promise.all([
        Promise.all(["pair", "single"].map((name) => host.run(["host", "execute", name, "show", name]))),
        Promise.all([pair, single].map((vm) => vm.run("negotiator guest execute whoami"))),
      ]);
      expect(there.map(({ stdout }) => stdout)).toEqual(["[pair]\n", "[single]\n"]);
      expect(here.map(({ stdout }) => stdout)).toEqual(["host whoami pair \n", "host whoami single \n"]);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a guest with one port for both directions calls over it, with an agent and without",
    async () => {
      {
        await using _ = await startAgent("single");
        const answer = { exitCode: 0, stdout: "x\n", stderr: "" };
        expect(await host.run(["host", "execute", "single", "cat"], "x\n")).toMatchObject(answer);
        expect(await single.run("echo x | negotiator guest execute cat")).toMatchObject(answer);
      }
      const direct = await single.run("negotiator guest execute whoami");
      expect(direct).toMatchObject({ exitCode: 0, stdout: "host whoami single \n" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "calls of a guest without an agent reach the host over its port, one at a time",
    async () => {
      const calls = [1, 2, 3].map((number) => pair.run(`negotiator guest execute show ${number}`));
      expect((await Promise.all(calls)).map(({ stdout }) => stdout)).toEqual(["[1]\n", "[2]\n", "[3]\n"]);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a call over a busy port names the process that has it open",
    async () => {
      const holder = pair.spawn("exec negotiator guest execute -t 0 hang >/tmp/held");
      const isHeld = async (): Promise<boolean> => (await pair.run("cat /tmp/held")).stdout !== "";
      await until("the port is held", isHeld, STEP_TIMEOUT_MS);
      const { exitCode, stderr } = await pair.run("negotiator guest execute -t 1 whoami");
      await pair.signal(holder, "TERM");
      await holder.exited;
      expect(exitCode).toBe(125);
      expect(stderr).toMatch(
        new RegExp(
          '^negotiator: Cannot open port "negotiator-guest-to-host\\.0": ' +
            'process (\\d+) \\(negotiator.*\\) has "/dev/vport0p2" open\nStop it with: kill \\1\n$',
        ),
      );
      await pair.run("rm /tmp/held");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a guest without a port says that no daemon runs, and its agent waits for the port",
    async () => {
      await using bare = await bootVm({ binary: await hostBinary() });
      const { exitCode, stderr } = await bare.run("negotiator guest execute show");
      expect(exitCode).toBe(125);
      expect(stderr).toMatch(
        /^negotiator: No daemon of negotiator listens at .*\nStart it: systemctl start /,
      );
      bare.spawn(`${AGENT} 2>/tmp/log`);
      await until(
        "the agent logs the reason",
        async () => (await bare.run("cat /tmp/log")).stdout.includes(reason(CALLS)),
        STEP_TIMEOUT_MS,
      );
      const status = await bare.run("negotiator guest status --json");
      expect(JSON.parse(status.stdout)).toMatchObject({ state: "waiting", dialect: null });
    },
    TEST_TIMEOUT_MS,
  );
});

function reason(port: string): string {
  return `Cannot find port "${port}": the host gives this guest no port\n`;
}
