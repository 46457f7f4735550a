/** Runs the host's daemon here and the guest's in a virtual machine, joined by a virtio-serial port. */
import { bootVm } from "../test/support/vm.ts";
import { COMMANDS, POLICIES } from "./demo-commands.ts";
import { openHostSide, startHost } from "./demo-stage.ts";
import type { Stage, StageOptions } from "./demo-stage.ts";

const PORT = "negotiator-host-to-guest.0";

/** Like `openStage`. If no guest can boot, rejects with the list of missing programs. */
export async function openVmStage(options: StageOptions): Promise<Stage> {
  const { binary, held } = options;
  const host = await openHostSide(options);
  const { processes, environment } = host;
  const files = Object.fromEntries([
    ["/etc/negotiator/policy.toml", { text: POLICIES.guest }],
    ...Object.entries(COMMANDS.guest).map(([name, text]) => [
      `/etc/negotiator/commands/${name}`,
      { text, mode: 0o755 },
    ]),
  ]);
  const vm = held.use(await bootVm({ binary, ports: [PORT], files }));
  const daemon = vm.spawn("negotiator guest daemon");
  const { promise: broken, reject } = Promise.withResolvers<never>();
  broken.catch(() => undefined);
  daemon.exited.then(({ stderr }) => reject(new Error(`The guest's daemon ended: ${stderr}`)), reject);
  await Promise.race([startHost(host, vm.sockets[PORT]), broken]);
  return {
    async run(side, line, onLine = () => undefined) {
      if (side === "host") return processes.finish(["sh", "-c", line], environment("host"), onLine);
      const startMs = performance.now();
      const { exitCode, stdout, stderr } = await vm.run(line);
      const atMs = performance.now() - startMs;
      const lines = `${stdout}${stderr}`.split("\n").slice(0, -1);
      const shown = lines.map((text) => ({ text, atMs }));
      for (const each of shown) onLine(each);
      return { exitCode, lines: shown };
    },
  };
}
