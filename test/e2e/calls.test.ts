/**
 * Tests calls between this machine and a real guest in both directions, with the compiled binary on both
 * sides.
 */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, COMMAND_LIST, SCRIPTS } from "../support/guest-commands.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram, ProgramRun } from "../support/host-program.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm } from "../support/vm.ts";

const CALLS = "negotiator-host-to-guest.0";
const ASKS = "negotiator-guest-to-host.0";
/**
 * An emulated guest transfers about 1 MB/s. Its own calls are slower: they pass through two programs in it.
 */
const BULK_BYTES = { there: 20_000_000, back: 5_000_000 };

const OS_RELEASE = 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\n';

/** Arguments that a shell, a line-based protocol or a simple join would change. */
const WORDS = ["a b", "", "ü\n'", "--help", "$HOME", "\\", '"*"'];

await describeWithVm("a host and a guest", () => {
  let vm: VirtualMachine<typeof CALLS | typeof ASKS>;
  let host: HostProgram;
  const disposal = new AsyncDisposableStack();

  beforeAll(async () => {
    const binary = await hostBinary();
    host = disposal.use(await createHostProgram({ binary, commands: SCRIPTS }));
    const files = { ...COMMAND_FILES, "/etc/os-release": { text: OS_RELEASE } };
    vm = disposal.use(await bootVm({ binary, ports: [CALLS, ASKS], files }));
    const sockets = [`web=${vm.sockets[CALLS]}`, `web:${ASKS}=${vm.sockets[ASKS]}`];
    disposal.use(await host.startDaemon(sockets.flatMap((socket) => ["--socket", socket])));
    vm.spawn("exec negotiator guest daemon");
    const isOpen = async (): Promise<boolean> => (await host.guest("web"))?.state === "open";
    await until("the guest's agent answers", isOpen, STEP_TIMEOUT_MS);
  }, TEST_TIMEOUT_MS);
  afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

  const execute = (words: readonly string[], input?: Uint8Array | string): Promise<ProgramRun> =>
    host.run(["host", "execute", "web", ...words], input);
  const isAliveInGuest = async (pid: string): Promise<boolean> =>
    (await vm.run(`kill -0 ${pid}`)).exitCode === 0;

  test(
    "the host runs commands in the guest and gets arguments, output, exit codes and signals right",
    async () => {
      const shown = WORDS.map((word) => `[${word}]\n`).join("");
      expect(await execute(["show", ...WORDS])).toMatchObject({ exitCode: 0, stdout: shown, stderr: "" });
      expect(await execute(["fail"])).toMatchObject({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
      expect(await execute(["die"])).toMatchObject({ exitCode: 137, stdout: "", stderr: "" });
      expect(await execute(["cat"], "héllo\n")).toMatchObject({ exitCode: 0, stdout: "héllo\n", stderr: "" });
      expect(await execute(["cat"])).toMatchObject({ exitCode: 0, stdout: "", stderr: "" });
      expect(await execute(["whoami"])).toMatchObject({ exitCode: 0, stdout: "guest whoami  \n" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "the guest runs commands on the host, through its daemon and directly over a port",
    async () => {
      const quoted = WORDS.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(" ");
      const shown = WORDS.map((word) => `[${word}]\n`).join("");
      for (const way of ["", "--direct"]) {
        const run = (words: string): Promise<unknown> => vm.run(`negotiator guest execute ${way} ${words}`);
        expect(await run(`show ${quoted}`)).toMatchObject({ exitCode: 0, stdout: shown, stderr: "" });
        expect(await run("fail")).toMatchObject({ exitCode: 3, stdout: "out\n", stderr: "err\n" });
        expect(await run("die")).toMatchObject({ exitCode: 137, stdout: "", stderr: "" });
        expect(await run("whoami")).toMatchObject({ exitCode: 0, stdout: "host whoami web \n" });
        expect(await run("cat <<.\nhéllo\n.")).toMatchObject({ exitCode: 0, stdout: "héllo\n" });
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "both daemons are replaced while a stream goes to the guest and back, and nothing of it is lost",
    async () => {
      const input = randomBytes(BULK_BYTES.back);
      const copying = execute(["cat"], input);
      const replaced = { exitCode: 0, stderr: "" };
      expect(await vm.run("negotiator guest reexec")).toMatchObject(replaced);
      expect(await host.run(["host", "reexec"])).toMatchObject(replaced);
      const { exitCode, stdoutBytes, stderr } = await copying;
      expect({ exitCode, stderr, isSame: input.equals(stdoutBytes) }).toEqual({ ...replaced, isSame: true });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "an unknown command exits with 127 and an unknown guest with 125, in both directions",
    async () => {
      expect(await execute(["shwo"])).toMatchObject({
        exitCode: 127,
        stderr:
          'negotiator: Cannot run "shwo": it is not a command of negotiator in the guest\n' +
          'Did you mean "show"?\n',
      });
      expect(await execute(["../show"])).toMatchObject({ exitCode: 127 });
      expect(await host.run(["host", "execute", "wob", "show"])).toMatchObject({
        exitCode: 125,
        stderr:
          'negotiator: No running guest with a negotiator channel is called "wob"\nDid you mean "web"?\n',
      });
      expect(await vm.run("negotiator guest execute shwo")).toMatchObject({
        exitCode: 127,
        stderr:
          'negotiator: Cannot run "shwo": it is not a command of negotiator on the host\n' +
          'Did you mean "show"?\n',
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a deadline ends the command on the other side, in both directions",
    async () => {
      const there = await endAtDeadline((seconds) =>
        host.run(["host", "execute", "-t", seconds, "web", "hang"]),
      );
      await until("the command has ended in the guest", async () => !(await isAliveInGuest(there)));
      const here = await endAtDeadline((seconds) => vm.run(`negotiator guest execute -t ${seconds} hang`));
      await until("the command has ended here", () => !existsSync(`/proc/${here}`));
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "an interrupted or killed caller ends the command on the other side",
    async () => {
      for (const [signal, exitCode] of [
        ["SIGINT", 130],
        ["SIGKILL", 137],
      ] as const) {
        await using caller = host.start(["host", "execute", "-t", "0", "web", "hang"]);
        await caller.prints("the command runs in the guest", (text) => text.endsWith("\n"));
        caller.signal(signal);
        expect(await caller.exited).toMatchObject({ exitCode });
        await until(`${signal} ended it`, async () => !(await isAliveInGuest(caller.stdout().trim())));
      }
      for (const [signal, exitCode] of [
        ["INT", 130],
        ["KILL", 137],
      ] as const) {
        const caller = vm.spawn("exec negotiator guest execute -t 0 hang >/tmp/pid");
        const readPid = async (): Promise<string | false> => {
          const { stdout } = await vm.run("cat /tmp/pid");
          return stdout.endsWith("\n") && stdout.trim();
        };
        const pid = await until("the command runs on the host", readPid, STEP_TIMEOUT_MS);
        await vm.signal(caller, signal);
        expect(await caller.exited).toMatchObject({ exitCode });
        await until(`${signal} ended it`, () => !existsSync(`/proc/${pid}`));
        await vm.run("rm /tmp/pid");
      }
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "each side lists the other's commands and reports an open session",
    async () => {
      const list = `${COMMAND_LIST.join("\n")}\n`;
      expect(await host.run(["host", "list-commands", "web"])).toMatchObject({ exitCode: 0, stdout: list });
      expect(await vm.run("negotiator guest list-commands")).toMatchObject({ exitCode: 0, stdout: list });
      expect(await host.run(["host", "list-guests"])).toMatchObject({ exitCode: 0, stdout: "web\n" });
      const status = {
        state: "open",
        dialect: "native",
        calls: { outgoing: 0, incoming: 0 },
        lastError: null,
      };
      // The end of a call of the previous test may not have arrived yet.
      await until("no call is running", async () => {
        const { stdout } = await host.run(["host", "status", "web", "--json"]);
        return Bun.deepMatch({ name: "web", uuid: null, ...status }, JSON.parse(stdout));
      });
      await until("the guest reports the same status", async () => {
        const { stdout } = await vm.run("negotiator guest status --json");
        return Bun.deepMatch(status, JSON.parse(stdout));
      });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "the built-in commands report facts of the guest, not of the host",
    async () => {
      await vm.run("ip addr add 192.0.2.7/24 dev lo");
      expect((await execute(["find-ip-addresses"])).stdout.split("\n")).toContain("192.0.2.7/24");
      expect((await execute(["find-distribution-release"])).stdout).toBe("12\n");
      expect((await execute(["find-distribution-codename"])).stdout).toBe("bookworm\n");
      expect((await execute(["find-distributor-id"])).stdout).toBe("Debian\n");
      expect(await execute(["find-disk-usage"])).toMatchObject({ exitCode: 0, stderr: "" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "each of a hundred calls at once gets its own answer",
    async () => {
      const numbers = Array.from({ length: 100 }, (_, index) => String(index));
      const runs = await Promise.all(
        numbers.map((number) => host.run(["host", "execute", "web", "cat"], number.repeat(5000))),
      );
      expect(runs.map(({ exitCode, stderr }) => ({ exitCode, stderr }))).toEqual(
        numbers.map(() => ({ exitCode: 0, stderr: "" })),
      );
      expect(runs.map(({ stdout }, index) => stdout === String(index).repeat(5000))).toEqual(
        numbers.map(() => true),
      );
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "megabytes arrive unchanged in both directions",
    async () => {
      const sent = randomBytes(BULK_BYTES.there);
      const back = await host.run(["host", "execute", "-t", "0", "web", "cat"], sent);
      expect({ exitCode: back.exitCode, stderr: back.stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(back.stdoutBytes.equals(sent)).toBe(true);
      const script =
        `head -c ${BULK_BYTES.back} /dev/urandom >/tmp/sent && ` +
        "negotiator guest execute -t 0 cat </tmp/sent >/tmp/back && cmp /tmp/sent /tmp/back";
      expect(await vm.run(script)).toMatchObject({
        exitCode: 0,
        stdout: "",
        stderr: "",
      });
    },
    TEST_TIMEOUT_MS,
  );
});

/**
 * Runs `hang` until its deadline ends it, and returns the process id that it printed. Repeats with a longer
 * deadline if the command had not started yet, as a machine may stall for a second.
 */
async function endAtDeadline(
  run: (seconds: string) => Promise<Pick<ProgramRun, "exitCode" | "stdout">>,
): Promise<string> {
  for (const seconds of ["1.5", "6", "24"]) {
    const { exitCode, stdout } = await run(seconds);
    if (stdout === "") continue;
    expect(exitCode).toBe(124);
    expect(stdout).toMatch(/^\d+\n$/);
    return stdout.trim();
  }
  throw new Error("The command printed nothing before its deadline");
}
