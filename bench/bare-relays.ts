/** Owns the bare relays: processes that pass bytes on as our daemons and command line do. */
import { existsSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { until } from "../test/support/until.ts";
import { createJoinedPort } from "./joined-port.ts";
import { runShell } from "./run-shell.ts";
import { parseSink } from "./sink.ts";
import type { Lane } from "./statistics.ts";

/** Measures the relays in MB/s. Disposal kills them. */
export type BareRelays = AsyncDisposable & { out: Lane; in: Lane };

/** `relay`, `sink`: paths of programs. `source`: the path of a file with `bytes` bytes. */
export type BareRelayOptions = {
  relay: string;
  directory: string;
  source: string;
  sink: string;
  bytes: number;
};

/** Starts the relays of the guest and of the host, once for each direction. */
export async function openBareRelays(options: BareRelayOptions): Promise<BareRelays> {
  const { relay, directory, source, sink, bytes } = options;
  await using owned = new AsyncDisposableStack();
  const start = (...words: string[]): void => {
    const child = Bun.spawn([relay, ...words], { stdin: "ignore", stdout: "ignore", stderr: "inherit" });
    owned.defer(async () => {
      child.kill("SIGKILL");
      await child.exited;
    });
  };
  const startBoth = async (mode: string, ...words: string[]): Promise<string> => {
    const port = owned.use(createJoinedPort(directory, mode));
    const control = `${directory}/${mode}.control`;
    start(mode, port.guestPath, ...words);
    start("host", port.hostPath, control);
    await port.joined;
    await until("the bare relay listens", () => existsSync(control));
    return control;
  };

  const result = `${directory}/bare-result`;
  const outControl = await startBoth("guest-out", `exec cat ${source}`);
  const inControl = await startBoth(
    "guest-in",
    String(bytes),
    `${sink} >${result}.new; mv ${result}.new ${result}`,
  );
  const owner = owned.move();
  return {
    out: async () =>
      parseSink(await runShell(`${relay} client-out ${outControl} ${bytes} | ${sink}`, PATHS), bytes),
    async in() {
      await rm(result, { force: true });
      await runShell(`cat ${source} | ${relay} client-in ${inControl}`, PATHS);
      await until("the bare relay has passed all input on", () => existsSync(result));
      return parseSink(await readFile(result, "utf8"), bytes);
    },
    [Symbol.asyncDispose]: () => owner.disposeAsync(),
  };
}

const PATHS = { PATH: "/usr/bin:/bin" };
