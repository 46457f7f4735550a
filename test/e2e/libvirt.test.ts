/** Tests a host's daemon that finds its guests through a real libvirt, while libvirt changes the guests. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { askWholeStatus } from "../../src/roles/host/ask-status.ts";
import { safeWord } from "../../src/methods/safe-word.ts";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, SCRIPTS } from "../support/guest-commands.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram, StartedProgram } from "../support/host-program.ts";
import { channelXml, LIBVIRT_TOOLS, startLibvirt } from "../support/libvirt.ts";
import type { Libvirt, LibvirtDomain } from "../support/libvirt.ts";
import { STEP_TIMEOUT_MS, TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { until } from "../support/until.ts";

const CALLS = "negotiator-host-to-guest.0";
const ASKS = "negotiator-guest-to-host.0";
/** A guest's name may contain a blank. */
const NAME = "my guest";
/** Writes its process id to a file and keeps running. */
const LINGER = '#!/bin/sh\necho $$ >"$1"\nexec sleep 1000\n';
/** The interval of the daemon's regular scans for guests. */
const RESCAN_SECONDS = 90;
/** Shorter than the interval: a change that the daemon sees in this time came from a libvirt event. */
const NOTICE_MS = 60_000;

await describeWithVm(
  "a host with libvirt",
  () => {
    let libvirt: Libvirt;
    let host: HostProgram;
    let daemon: StartedProgram;
    let domain: LibvirtDomain;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      const binary = await hostBinary();
      libvirt = disposal.use(await startLibvirt({ binary, files: COMMAND_FILES }));
      const connect = `libvirt = "yes"\nconnect = "${libvirt.uri}"\nrescanSeconds = ${RESCAN_SECONDS}`;
      host = disposal.use(
        await createHostProgram({ binary, commands: { ...SCRIPTS, linger: LINGER }, host: connect }),
      );
      daemon = disposal.use(await host.startDaemon());
      domain = await libvirt.createDomain({ name: NAME, channels: [CALLS, ASKS] });
      await domain.start();
      domain.spawn("exec negotiator guest daemon");
      await isOpen(NAME);
    }, TEST_TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

    const isOpen = (name: string): Promise<unknown> =>
      until(`"${name}" answers`, async () => (await host.guest(name))?.state === "open", STEP_TIMEOUT_MS);
    /** Starts a command that repeats its input lines, and waits until it runs. */
    const converse = async (name: string): Promise<Conversation> => {
      const call = host.start(["host", "execute", "-t", "0", name, "echo"], "pipe");
      await call.prints("the command runs", (text) => text.endsWith("\n"));
      const say = (line: string): Promise<void> => call.write(`${line}\n`);
      const hear = (line: string): Promise<void> =>
        call.prints(`"${line}" comes back`, (text) => text.endsWith(`\n${line}\n`), NOTICE_MS);
      return { say, hear, call, [Symbol.asyncDispose]: () => call[Symbol.asyncDispose]() };
    };

    test(
      "a host with libvirt calls its guests by name, and they call the host",
      async () => {
        const uuid = (await libvirt.virsh("domuuid", NAME)).trim();
        const there = ["host", "execute", NAME, "show", "a b"];
        const reply = { exitCode: 0, stdout: "[a b]\n", stderr: "" };
        expect(await host.run(there)).toMatchObject(reply);
        for (const way of ["", "--direct"]) {
          expect(await domain.run(`negotiator guest execute ${way} whoami`)).toMatchObject({
            exitCode: 0,
            stdout: `host whoami ${safeWord(NAME)} ${uuid}\n`,
            stderr: "",
          });
        }
        const rows = [
          { words: [], row: { state: "open", dialect: "native" } },
          { words: ["--direct"], row: { state: null, dialect: null } },
        ];
        for (const { words, row } of rows) {
          const { stdout } = await host.run(["host", "list-guests", "--json", ...words]);
          const seen: unknown[] = stdout.trimEnd().split("\n").map(parse);
          expect(seen).toContainEqual({ name: NAME, uuid, ...row });
        }
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a call goes on after virsh suspend and resume",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.virsh("suspend", NAME);
        await conversation.say("are you there");
        await libvirt.virsh("resume", NAME);
        await conversation.hear("are you there");
        await conversation.call.end();
        expect((await conversation.call.exited).exitCode).toBe(0);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a new call to a suspended guest, or one that is shut off, is refused with its state",
      async () => {
        const stateOf = async (name: string): Promise<string | undefined> =>
          (await askWholeStatus(host.at("host.sock")))?.find((guest) => guest.name === name)?.state;
        await libvirt.virsh("suspend", NAME);
        await notices("the pause", async () => (await stateOf(NAME)) === "paused");
        const lasts = performance.now() + 2000;
        await until("the pause has lasted", () => performance.now() > lasts);
        const refused = await host.run(["host", "execute", "-t", "0", NAME, "show", "1"]);
        await libvirt.virsh("resume", NAME);
        expect(refused.exitCode).toBe(125);
        expect(refused.stderr).toStartWith(`negotiator: Guest "${NAME}" does not answer: it is paused\n`);
        await isOpen(NAME);

        await libvirt.createDomain({ name: "off", channels: [CALLS] });
        expect(await stateOf("off")).toBe("shut off");
        const { exitCode, stderr } = await host.run(["host", "execute", "-t", "0", "off", "show", "1"]);
        expect({ exitCode, stderr }).toEqual({
          exitCode: 125,
          stderr:
            'negotiator: Guest "off" is shut off\n' +
            `Start it: virsh --connect '${libvirt.uri}' start off\n`,
        });
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "calls work again after virsh save and restore",
      async () => {
        await saveAndRestore();
        expect(await host.run(["host", "execute", NAME, "show", "1"])).toMatchObject({
          exitCode: 0,
          stdout: "[1]\n",
        });
        expect(await domain.run("negotiator guest execute show 2")).toMatchObject({
          exitCode: 0,
          stdout: "[2]\n",
        });
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a running call goes on after virsh save and restore",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.virsh("save", NAME, libvirt.at("state"));
        await isSaved(NAME);
        await conversation.say("are you there");
        const listed = await host.run(["host", "list-guests"]);
        const status = await host.run(["host", "status", NAME]);
        // Without a deadline, a call that waits for the guest would never end.
        const refused = await host.run(["host", "execute", "-t", "0", NAME, "show", "1"]);
        await libvirt.virsh("restore", libvirt.at("state"));
        await conversation.hear("are you there");
        await conversation.call.end();
        expect((await conversation.call.exited).exitCode).toBe(0);

        expect(listed.stdout).not.toContain(NAME);
        expect(status.stdout).toStartWith(`${NAME}: saved, `);
        expect(refused.exitCode).toBe(125);
        expect(refused.stderr).toBe(
          `negotiator: Guest "${NAME}" does not answer: it is saved\n` +
            `Bring it back: virsh --connect '${libvirt.uri}' restore FILE, with the file of virsh save\n`,
        );
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a running call goes on after virsh managedsave and an immediate start",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.virsh("managedsave", NAME);
        await libvirt.virsh("start", NAME);
        await conversation.say("are you there");
        await conversation.hear("are you there");
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "a call to a saved guest ends when the guest is undefined, and goes on for a transient guest",
      async () => {
        const file = libvirt.at("state");
        await using lost = await converse(NAME);
        await libvirt.virsh("save", NAME, file);
        await isSaved(NAME);
        await Bun.write(libvirt.at("definition.xml"), await libvirt.virsh("dumpxml", NAME));
        await libvirt.virsh("undefine", NAME);
        const hasEnded = (): boolean => lost.call.stderr().includes(`guest "${NAME}" is gone`);
        await notices("that the guest is undefined", hasEnded);
        expect((await lost.call.exited).exitCode).toBe(125);

        // Now the guest is transient: when it is saved, libvirt reports only an event.
        await libvirt.virsh("restore", file);
        await isOpen(NAME);
        await using conversation = await converse(NAME);
        await libvirt.virsh("save", NAME, file);
        await isSaved(NAME);
        await libvirt.virsh("restore", file);
        await libvirt.virsh("define", libvirt.at("definition.xml"));
        await conversation.say("are you there");
        await conversation.hear("are you there");
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "add-channel gives a running guest its port and waits for its agent, and remove-channel takes it back",
      async () => {
        const late = await libvirt.createDomain({ name: "late", channels: [] });
        await late.start();
        late.spawn("exec negotiator guest daemon");
        const change = async (action: "add" | "remove"): Promise<unknown> => {
          const wait = action === "add" ? ["--wait", "50"] : [];
          const options = ["--connect", libvirt.uri, "--json", ...wait];
          const { stdout } = await host.run(["host", `${action}-channel`, "late", ...options]);
          const { result, agent } = JSON.parse(stdout);
          return [result, agent];
        };
        expect(await change("add")).toEqual(["added", "answers"]);
        await using conversation = await converse("late");
        expect(await change("add")).toEqual(["present", "answers"]);
        await conversation.say("still there");
        await conversation.hear("still there");
        await conversation.call.end();
        expect((await conversation.call.exited).exitCode).toBe(0);
        expect(await change("remove")).toEqual(["removed", null]);
        await notices("that the port is gone", async () => (await host.guest("late")) === undefined);
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "calls go on while libvirtd is stopped, and a guest that starts after its start is found",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.stop();
        await conversation.say("without libvirt");
        await conversation.hear("without libvirt");
        const fresh = ["host", "execute", NAME, "show", "1"];
        expect(await host.run(fresh)).toMatchObject({ exitCode: 0, stdout: "[1]\n" });
        await libvirt.start();
        const second = await libvirt.createDomain({ name: "second", channels: [CALLS] });
        await libvirt.virsh("start", "second");
        await notices("that it runs", async () => (await host.guest("second")) !== undefined);
        await conversation.say("and with it");
        await conversation.hear("and with it");
        await conversation.call.end();
        expect((await conversation.call.exited).exitCode).toBe(0);
        await second[Symbol.asyncDispose]();
      },
      TEST_TIMEOUT_MS,
    );

    const saveAndRestore = async (): Promise<void> => {
      const file = libvirt.at("state");
      await libvirt.virsh("save", NAME, file);
      await isSaved(NAME);
      await libvirt.virsh("restore", file);
      await isOpen(NAME);
    };
    const isSaved = (name: string): Promise<unknown> =>
      notices(`that "${name}" is saved`, async () => {
        const guests = await askWholeStatus(host.at("host.sock"));
        return guests?.find((guest) => guest.name === name)?.state === "saved";
      });
    const notices = (what: string, look: () => boolean | Promise<boolean>): Promise<unknown> =>
      until(() => `the daemon notices ${what}; its log:\n${daemon.stderr()}`, look, NOTICE_MS);

    test(
      "the daemon notices a guest that starts, gets a port, and is destroyed during a call",
      async () => {
        const other = await libvirt.createDomain({ name: "other", channels: [CALLS] });
        const started = other.start();
        await until("libvirt has started it", async () =>
          /^other$/m.test(await libvirt.virsh("list", "--name")),
        );
        await notices("that it runs", async () => (await host.guest("other")) !== undefined);
        await started;

        const file = libvirt.at("channel.xml");
        await Bun.write(file, channelXml(ASKS));
        await libvirt.virsh("attach-device", "other", file, "--live");
        await notices("the port", () => daemon.stderr().includes(`guest "other": found the port ${ASKS}`));
        const asked = await other.run("negotiator guest execute whoami");
        expect(asked).toMatchObject({ exitCode: 0, stderr: "" });
        expect(asked.stdout).toStartWith("host whoami other ");

        other.spawn("exec negotiator guest daemon");
        await isOpen("other");
        await using conversation = await converse("other");
        other.spawn(`exec negotiator guest execute --direct -t 0 linger ${host.at("pid")}`);
        const readOwnPid = (): Promise<string | undefined> => readPid(host.at("pid"));
        const pid = await until("the guest's call runs here", readOwnPid, STEP_TIMEOUT_MS);
        await libvirt.virsh("destroy", "other");
        await notices("that it is gone", async () => (await host.guest("other")) === undefined);
        await until("the guest's command here has ended", () => !existsSync(`/proc/${pid}`));
        const { exitCode, stderr } = await conversation.call.exited;
        expect(exitCode).toBe(125);
        expect(stderr).toContain('guest "other" is gone');
        expect(await host.run(["host", "execute", NAME, "show", "1"])).toMatchObject({ stdout: "[1]\n" });
      },
      TEST_TIMEOUT_MS,
    );
  },
  LIBVIRT_TOOLS,
);

type Conversation = AsyncDisposable & {
  call: StartedProgram;
  say(line: string): Promise<void>;
  hear(line: string): Promise<void>;
};

async function readPid(path: string): Promise<string | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  return text.endsWith("\n") ? text.trim() : undefined;
}

function parse(line: string): unknown {
  return JSON.parse(line);
}
