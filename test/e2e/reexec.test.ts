/** Upgrades of the compiled binary: to a newer state and back, and to files that do not start. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { chmod, copyFile, rename } from "node:fs/promises";
import { join } from "node:path";
import { compile } from "../../scripts/compile.ts";
import { hostTarget, inspectThisMachine } from "../../scripts/this-machine.ts";
import { hostBinary } from "../support/binary.ts";
import { launch } from "../support/program.ts";
import type { Ended } from "../support/program.ts";
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
