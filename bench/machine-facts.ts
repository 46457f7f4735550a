/** Describes the machine and the binary of a run. */
import { cpus, release } from "node:os";

/** The figures depend on these. `load`: the load average of the last minute, before the run. */
export type MachineFacts = {
  binary: string;
  processor: string;
  processors: number;
  kernel: string;
  bun: string;
  load: number;
};

/** Reads the facts. `binary` is a path; the fact is what its `--version` prints. */
export async function readMachineFacts(binary: string): Promise<MachineFacts> {
  const child = Bun.spawn([binary, "--version"], { stdout: "pipe", stderr: "inherit" });
  const version = (await child.stdout.text()).trim();
  const load = (await Bun.file("/proc/loadavg").text()).split(" ")[0];
  return {
    binary: version,
    processor: cpus()[0]?.model ?? "unknown",
    processors: cpus().length,
    kernel: release(),
    bun: Bun.version,
    load: Number(load),
  };
}
