/** The limit of open files with which commands start: the daemon's own before the runtime raised it. */
import { expect, test } from "bun:test";
import { findStartedLimit } from "../../../src/roles/daemon/started-limit.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;

test(
  "a command starts with the limits with which the daemon was started by a shell",
  async () => {
    // The shell stays as the parent, and the daemon ends with it.
    const start = 'ulimit -Sn 300; setpriv --pdeathsig KILL "$0" "$@" & wait';
    await using stage = await createStage({
      programs: { guest: ["/bin/sh", "-c", start, ...PROGRAM] },
    });
    await stage.guest().command("limits", "#!/bin/sh\nulimit -Sn\nulimit -Hn\n");
    const { stdout, stderr } = await stage.host.run(["execute", "web1", "limits"]);
    const hard = Bun.spawnSync(["/bin/sh", "-c", "ulimit -Hn"]).stdout.toString();
    expect({ stdout, stderr }).toEqual({ stdout: `300\n${hard}`, stderr: "" });
  },
  TIMEOUT_MS,
);

const limits = (soft: string, hard: string): string =>
  `Limit                     Soft Limit           Hard Limit           Units     \n` +
  `Max stack size            8388608              unlimited            bytes     \n` +
  `Max open files            ${soft.padEnd(20)} ${hard.padEnd(20)} files     \n`;

/** A /proc of this process and its parent. */
async function withProc<T>(
  { own, parent, name = "sh", unit = "" }: { own: string; parent: string; name?: string; unit?: string },
  body: (procDirectory: string) => Promise<T>,
): Promise<T> {
  await using directory = await createTemporaryDirectory();
  await directory.write("self/limits", own);
  await directory.write("self/stat", "20 (negotiator) S 7 20 20\n");
  await directory.write("self/cgroup", `0::/system.slice/${unit}\n`);
  await directory.write("7/limits", parent);
  await directory.write("7/comm", `${name}\n`);
  return await body(directory.path);
}

const never = (): Promise<never> => Promise.reject(new Error("systemctl is not asked"));

test.each([
  ["the parent's soft limit if its hard limit is the same", limits("300", "4096"), 300],
  ["none if the parent has the same soft limit", limits("4096", "4096"), undefined],
  ["none if the parent has another hard limit", limits("1024", "524288"), undefined],
  ["none if the parent's limits cannot be read", "", undefined],
])("the started limit is %s", async (_, parent, expected) => {
  const found = await withProc({ own: limits("4096", "4096"), parent }, (procDirectory) =>
    findStartedLimit({ procDirectory, runText: never }),
  );
  expect(found).toBe(expected);
});

test.each([
  ["1024\n", 0, 1024],
  ["65536\n", 0, undefined],
  ["infinity\n", 0, undefined],
  ["", 1, undefined],
])("systemctl that prints %j and exits with %i gives the limit %p", async (stdout, exitCode, expected) => {
  const asked: string[][] = [];
  const found = await withProc(
    { own: limits("65536", "65536"), parent: limits("1024", "65536"), name: "systemd", unit: "own.service" },
    (procDirectory) =>
      findStartedLimit({
        procDirectory,
        async runText(argv) {
          asked.push([...argv]);
          return { exitCode, stdout, stderr: "" };
        },
      }),
  );
  expect(found).toBe(expected);
  expect(asked).toEqual([
    ["systemctl", "show", "--property=LimitNOFILESoft", "--value", "--", "own.service"],
  ]);
});
