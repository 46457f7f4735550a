/** `check-commands`, and commands that come and change while a daemon runs. */
import { expect, test } from "bun:test";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const US = Bun.spawnSync(["id", "-un"]).stdout.toString().trim();

test.each([
  ["by the daemon", false],
  ["by the files", true],
])(
  "check-commands shows the commands with their users, and why a file is not offered, %s",
  async (_, withoutDaemons) => {
    await using stage = await createStage({ withoutDaemons, settings: 'builtIns = ["find-disk-usage"]\n' });
    const { host } = stage;
    const place = stage.at("host.commands");
    const path = await host.command("backup", "#!/bin/sh\n");
    expect(await host.run(["check-commands"])).toMatchObject({
      exitCode: 0,
      stdout: `backup           ${`as ${US}`.padEnd(8)}  ${path}\nfind-disk-usage  built in\n`,
      stderr: "",
    });
    await host.command("report.v2", "#!/bin/sh\n");
    await host.command("open", "#!/bin/sh\n", 0o757);
    await writeFile(`${path}.toml`, 'user = "nosuchuser"\n', { mode: 0o644 });
    const { exitCode, stdout, stderr } = await host.run(["check-commands", "--json"]);
    expect(exitCode).toBe(1);
    expect(stdout.split("\n")[0]).toBe(
      JSON.stringify({ name: "backup", kind: "user", user: "nosuchuser", path }),
    );
    expect(stderr).toContain(`Cannot run "${place}/open": its group or everybody may write to it\n`);
    expect(stderr).toContain(`Cannot run "${path}": Cannot find the user "nosuchuser"`);
    expect(stderr).toContain(`Cannot offer the file "${place}/report.v2": a command's name has letters`);
  },
  TIMEOUT_MS,
);

test(
  "the setting commandNames offers a name, at a reload too, and a reload counts the names that are refused",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    const guest = stage.guest();
    await guest.command("report.v2", "#!/bin/sh\necho report\n");
    expect(await host.run(["execute", "web1", "report.v2"])).toMatchObject({ exitCode: 127 });
    expect((await guest.run(["reload"])).stderr).toContain("1 file is not offered as a command; see why: ");
    await guest.configure('commandNames = ["*.v2"]\n');
    expect(await guest.run(["reload"])).toMatchObject({ exitCode: 0, stderr: "" });
    expect(await host.run(["execute", "web1", "report.v2"])).toMatchObject({
      exitCode: 0,
      stdout: "report\n",
    });
  },
  TIMEOUT_MS,
);

test(
  "a file that is dropped can be called within three seconds, and list-commands and check-policy agree",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    const guest = stage.guest();
    await host.run(["list-commands", "web1"]);
    const startMs = performance.now();
    await guest.command("dropped", "#!/bin/sh\necho here\n");
    await until("the command runs", async () => {
      return (await host.run(["execute", "web1", "dropped"])).stdout === "here\n";
    });
    expect(performance.now() - startMs).toBeLessThan(10_000);
    expect((await host.run(["list-commands", "web1"])).stdout).toContain("dropped\n");
    expect(await guest.run(["check-policy", "dropped"])).toMatchObject({ exitCode: 0 });
    await rm(stage.at("web1.commands/dropped"));
    expect((await host.run(["list-commands", "web1"])).stdout).not.toContain("dropped\n");
    expect(await host.run(["execute", "web1", "dropped"])).toMatchObject({ exitCode: 127 });
  },
  TIMEOUT_MS,
);

test.if(process.getuid?.() === 0)(
  "calls while settings are rewritten again and again never run as root (needs root)",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    const guest = stage.guest();
    const settings = stage.at("web1.commands/who.toml");
    await chmod(stage.at(""), 0o755);
    await mkdir(stage.at("web1.commands"), { mode: 0o755 });
    await writeFile(settings, 'user = "nobody"\n', { mode: 0o644 });
    await guest.command("who", "#!/bin/sh\nid -un\n");
    expect(await host.run(["execute", "web1", "who"])).toMatchObject({ stdout: "nobody\n" });
    const writing = new AbortController();
    const written = (async () => {
      while (!writing.signal.aborted) {
        await writeFile(settings, "");
        await rm(settings);
        await writeFile(settings, "user =", { mode: 0o644 });
        await writeFile(settings, 'user = "nobody"\n');
      }
    })();
    const outputs = await Promise.all(
      Array.from({ length: 12 }, async () => (await host.run(["execute", "web1", "who"])).stdout),
    );
    writing.abort();
    await written;
    for (const stdout of outputs) expect(["", "nobody\n"]).toContain(stdout);
    expect(await host.run(["execute", "web1", "who"])).toMatchObject({ stdout: "nobody\n" });
  },
  TIMEOUT_MS,
);
