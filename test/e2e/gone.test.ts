/** Tests calls to a real guest whose QEMU is killed. */
import { expect, test } from "bun:test";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES } from "../support/guest-commands.ts";
import { createHostProgram } from "../support/host-program.ts";
import { startProcessRoom } from "../support/process-room.ts";
import { runProcess } from "../support/program-run.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";
import { bootVm } from "../support/vm.ts";

const PORT = "negotiator-host-to-guest.0";
/** Every call to a guest that is gone ends within this time. */
const GONE_MS = 5000;

await describeWithVm("a real guest whose QEMU is killed", () => {
  test.each([
    ["named by its socket", (socket: string) => ["--socket", `web=${socket}`], ""],
    ["found as a QEMU process", () => [], 'libvirt = "no"\nqemu = "yes"'],
  ])(
    "when it is %s, its calls without a deadline end with 125 within five seconds",
    async (_, options, config) => {
      const binary = await hostBinary();
      await using room = await startProcessRoom();
      const { inside } = room;
      await using host = await createHostProgram({ binary, inside, host: config });
      await using vm = await bootVm({ binary, inside, ports: [PORT], files: COMMAND_FILES });
      await using daemon = await host.startDaemon(options(vm.sockets[PORT]));
      vm.spawn("exec negotiator guest daemon");
      const name = await until(
        "the guest answers",
        async () => {
          const { stdout } = await host.run(["host", "list-guests", "--json"]);
          const rows: unknown[] = stdout.split("\n").filter(Boolean).map(parse);
          return rows.map(openName).find((found) => found !== undefined);
        },
        STEP_TIMEOUT_MS,
      );
      await using running = host.start(["host", "execute", "-t", "0", name, "echo"], "pipe");
      await running.prints("the command runs", (text) => text.endsWith("\n"));

      const killedMs = performance.now();
      expect(await runProcess([...inside, "pkill", "-KILL", "qemu-system"])).toMatchObject({ exitCode: 0 });
      const later = host.run(["host", "execute", "-t", "0", name, "show"]);
      for (const call of [running.exited, later]) {
        const { exitCode, stderr } = await call;
        expect(stderr).not.toBe("");
        expect(exitCode).toBe(125);
      }
      expect(performance.now() - killedMs).toBeLessThan(GONE_MS);
      expect(daemon.stderr()).toContain("connected (negotiator");
    },
    TEST_TIMEOUT_MS,
  );
});

function parse(line: string): unknown {
  return JSON.parse(line);
}

/** The name in a row of `list-guests`, if the guest has an open session. */
function openName(row: unknown): string | undefined {
  const isOpen = typeof row === "object" && row !== null && "state" in row && row.state === "open";
  return isOpen && "name" in row && typeof row.name === "string" ? row.name : undefined;
}
