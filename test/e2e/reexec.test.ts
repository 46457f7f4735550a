/** Upgrades of the compiled binary: to a newer state and back, and to files that do not start. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "../../scripts/compile.ts";
import { hostTarget, inspectThisMachine } from "../../scripts/this-machine.ts";
import { PORT_PROGRAM, startPort } from "../../chaos/port.ts";
import { serviceFile } from "../../src/roles/install/service-files.ts";
import { hostBinary } from "../support/binary.ts";
import { launch } from "../support/program.ts";
import type { Ended } from "../support/program.ts";
import { canHaveSystemd, startSystemd } from "../support/real-systemd.ts";
import { createStage } from "../support/stage.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
const ROOT = join(import.meta.dir, "../..");
const owned = new AsyncDisposableStack();
/** The programs, by their names: those of this tree and with other versions of the state. */
const programs = new Map<string, string>();

beforeAll(async () => {
  const directory = owned.use(await createTemporaryDirectory());
  const build = async (name: string, states: { min: number; max: number }): Promise<void> => {
    const outfile = directory.at(name);
    await compile({
      root: ROOT,
      target: hostTarget(await inspectThisMachine()),
      commit: name,
      outfile,
      states,
    });
    programs.set(name, outfile);
  };
  programs.set("present", await hostBinary());
  await build("next", { min: 1, max: 2 });
  await build("strange", { min: 3, max: 3 });
}, TIMEOUT_MS);

afterAll(() => owned[Symbol.asyncDispose]());

function pathOf(name: string): string {
  return programs.get(name) ?? "";
}

/** Puts a file at the place of a program, as a package manager does. */
async function install(from: string, to: string): Promise<void> {
  await copyFile(from, `${to}.new`);
  await chmod(`${to}.new`, 0o755);
  await rename(`${to}.new`, to);
}

test(
  "a daemon goes to a program with a newer state and back while a command runs, and survives bad files",
  async () => {
    await using place = await createTemporaryDirectory();
    const installed = place.at("negotiator");
    await install(pathOf("present"), installed);
    /** The installed program is broken, so another one asks the daemon. */
    const askReexec = async (): Promise<Ended> => {
      const words = ["guest", "reexec", "--control", guest.control];
      await using asking = launch(words, { program: [pathOf("present")] });
      return await asking.ended();
    };
    await using stage = await createStage({ programs: { host: [pathOf("present")], guest: [installed] } });
    const guest = stage.guest();
    const { pid } = guest.daemon;
    await guest.command("wait", "#!/bin/sh\necho begun\ncat\nexit 7\n");
    const running = stage.host.launch(["execute", "web1", "wait"], { isOpen: true });
    expect(await running.firstLine()).toBe("begun");

    const REPLACED =
      "The file of the running daemon's program was replaced after its start\n" +
      "Let the daemon take the new program: negotiator guest reexec\n";
    for (const name of ["next", "present", "next"]) {
      expect((await guest.run(["status"])).stderr).toBe("");
      await install(pathOf(name), installed);
      expect((await guest.run(["status"])).stderr).toContain(REPLACED);
      const { exitCode, stdout, stderr } = await guest.run(["reexec"]);
      expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
      expect(stdout.includes("commit next")).toBe(name === "next");
    }

    await place.write("broken", "#!/bin/sh\nexit 3\n");
    await install(place.at("broken"), installed);
    const broken = await askReexec();
    expect(broken).toMatchObject({ exitCode: 1, stdout: "" });
    expect(broken.stderr).toContain(`"${installed}": it ends with exit code 3\n`);
    await chmod(installed, 0o777);
    const writable = await askReexec();
    expect(writable.stderr).toContain("everybody may write to it\n");

    await running.feed("more\n");
    running.endInput();
    expect(await running.ended()).toMatchObject({ exitCode: 7, stdout: "more\n", stderr: "" });

    await install(pathOf("strange"), installed);
    const drained = await guest.run(["reexec"]);
    expect(drained).toMatchObject({ exitCode: 0, stderr: "" });
    expect(drained.stdout).toContain("commit strange");
    await stage.open();
    expect((await stage.host.run(["execute", "web1", "find-distributor-id"])).exitCode).toBe(0);
    expect(guest.daemon.pid).toBe(pid);
  },
  TIMEOUT_MS,
);

test(
  "a state that a new program cannot read, although its trial says so, ends calls as unknown",
  async () => {
    await using place = await createTemporaryDirectory();
    const installed = place.at("negotiator");
    await install(pathOf("present"), installed);
    await using stage = await createStage({ programs: { host: [pathOf("present")], guest: [installed] } });
    const guest = stage.guest();
    const { pid } = guest.daemon;
    await guest.command("wait", `#!/bin/sh\necho $$ >${place.at("pid")}\necho begun\nexec sleep 1000\n`);
    const running = stage.host.launch(["execute", "web1", "wait"]);
    expect(await running.firstLine()).toBe("begun");
    const child = Number(await Bun.file(place.at("pid")).text());

    const [trial, real] = [pathOf("present"), pathOf("strange")];
    const liar = `#!/bin/sh\ncase "$*" in *describe*) exec ${trial} "$@" ;; esac\nexec ${real} "$@"\n`;
    await place.write("liar", liar);
    await install(place.at("liar"), installed);
    process.kill(pid, "SIGUSR2");
    const ended = await running.ended();
    expect(ended).toMatchObject({ exitCode: 125, stdout: "" });
    expect(ended.stderr).toContain("the outcome of the call is unknown\n");
    expect(guest.daemon.log()).toContain(
      "left a state of version 1, and this one reads 3 to 3: its calls end",
    );
    await until("the command has ended", () => !existsSync(`/proc/${child}`));
    await stage.open();
    expect((await stage.host.run(["execute", "web1", "find-distributor-id"])).exitCode).toBe(0);
    expect(guest.daemon.pid).toBe(pid);
  },
  TIMEOUT_MS,
);

const ROUNDS = 4;
const CALLERS = 4;

test.skipIf(!(await canHaveSystemd()))(
  "under a real systemd, both services go to a newer state and back while calls go on (needs root)",
  async () => {
    await using place = await createTemporaryDirectory();
    await using own = await createTemporaryDirectory();
    await install(pathOf("present"), place.at("negotiator"));
    await place.write("commands/copy", "#!/bin/sh\necho begun\ncat\nexit 7\n");
    await place.write("commands/short", '#!/bin/sh\necho "$1"\nexit 3\n');
    for (const name of ["copy", "short"]) await chmod(place.at(`commands/${name}`), 0o755);
    await place.write("policy.toml", '[[rules]]\naction = "allow"\n');
    await place.write("negotiator.toml", formatConfig(place.path));
    await Bun.build({ entrypoints: [PORT_PROGRAM], target: "bun", outdir: place.path });
    const environment = `NEGOTIATOR_CONFIG=${place.at("negotiator.toml")}`;
    const more = `[Unit]\nDefaultDependencies=no\n[Service]\nEnvironment=${environment}\n`;
    const units = Object.fromEntries(
      (["host", "guest"] as const).flatMap((role) => [
        [`negotiator-${role}.service`, serviceFile("systemd", role, place.at("negotiator"))],
        [`negotiator-${role}.service.d/test.conf`, more],
      ]),
    );
    await using systemd = await startSystemd({ directory: own.path, shared: place.path, units });
    // A daemon uses no socket of a process that it cannot see.
    const portProgram = [...systemd.inside, process.execPath, place.at("port.js")];
    await using _ = await startPort(place.path, 1, portProgram);
    const services = ["negotiator-host", "negotiator-guest"];
    const started = await systemd.run("systemctl", "start", ...services);
    expect(started).toEqual({ exitCode: 0, stdout: "", stderr: "" });
    const facts = async (): Promise<string> =>
      (await systemd.run("systemctl", "show", "-p", "MainPID,NRestarts,ActiveState", ...services)).stdout;
    const before = await facts();
    const program = [...systemd.inside, "env", environment, place.at("negotiator")];
    const LINES = [
      ["host", "execute", "web1"],
      ["guest", "execute"],
    ];
    const copies = LINES.map((line) => launch([...line, "copy"], { program, isOpen: true }));
    for (const copy of copies) expect(await copy.firstLine()).toBe("begun");

    const over = new AbortController();
    const wrong: unknown[] = [];
    let calls = 0;
    const callers = LINES.flatMap((line) =>
      Array.from({ length: CALLERS / 2 }, async () => {
        while (!over.signal.aborted) {
          const number = String(++calls);
          await using call = launch([...line, "short", number], { program });
          const { exitCode, stdout, stderr } = await call.ended();
          if (exitCode !== 3 || stdout !== `${number}\n` || stderr !== "")
            wrong.push({ exitCode, stdout, stderr });
        }
      }),
    );
    for (let round = 0; round < ROUNDS; round++) {
      const name = round % 2 === 0 ? "next" : "present";
      await install(pathOf(name), place.at("negotiator"));
      for (const role of ["host", "guest"]) {
        await using asking = launch([role, "reexec"], { program });
        const { stdout, stderr } = await asking.ended();
        expect({ stderr, isNext: stdout.includes("commit next") }).toEqual({
          stderr: "",
          isNext: name === "next",
        });
      }
    }
    over.abort();
    await Promise.all(callers);
    expect(wrong).toEqual([]);
    expect(calls).toBeGreaterThan(ROUNDS);
    for (const copy of copies) {
      await copy.feed("more\n");
      copy.endInput();
      expect(await copy.ended()).toMatchObject({ exitCode: 7, stdout: "more\n", stderr: "" });
    }
    expect(await facts()).toBe(before);
    expect(before).toContain("NRestarts=0\n");
  },
  TIMEOUT_MS,
);

function formatConfig(directory: string): string {
  return [
    `commandsDirectory = ["${directory}/commands"]`,
    `policyFile = "${directory}/policy.toml"`,
    `audit.file = "${directory}/audit.jsonl"`,
    `detached.directory = "${directory}/kept"`,
    `[host]\ncontrol = "${directory}/host.sock"\nlibvirt = "no"\nqemu = "no"`,
    `[[guests]]\nname = "web1"\nsocket = "${directory}/port.host"`,
    `[guest]\ncontrol = "${directory}/guest.sock"\ncharacterDevice = "${directory}/port.guest"`,
  ].join("\n");
}
