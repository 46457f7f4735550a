/** A host's daemon that finds its guests through a real libvirt, and what libvirt does to guests meanwhile. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { askWholeStatus } from "../../src/roles/host/ask-status.ts";
import { hostBinary } from "../support/binary.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { COMMAND_FILES, SCRIPTS } from "../support/guest-commands.ts";
import { createHostProgram } from "../support/host-program.ts";
import type { HostProgram, StartedProgram } from "../support/host-program.ts";
import { channelXml, LIBVIRT_TOOLS, startLibvirt } from "../support/libvirt.ts";
import type { Libvirt, LibvirtDomain } from "../support/libvirt.ts";
import { until } from "../support/until.ts";

const CALLS = "negotiator-host-to-guest.0";
const ASKS = "negotiator-guest-to-host.0";
/** A blank in a name is legal, and a common mistake to make of. */
const NAME = "my guest";
/** Stays, with its process number in a file. */
const LINGER = '#!/bin/sh\necho $$ >"$1"\nexec sleep 1000\n';
const TIMEOUT_MS = 90_000;
/** A word and its echo; time enough to dial again. */
const ECHO_MS = 8000;
/** How soon a call has to fail that cannot be made: that it is said at all, on a busy machine. */
const SOON_MS = 5000;
/** How soon the daemon has to see what happened. */
const NOTICE_MS = 2000;

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
      const connect = `libvirt = "yes"\nconnect = "${libvirt.uri}"`;
      host = disposal.use(
        await createHostProgram({ binary, commands: { ...SCRIPTS, linger: LINGER }, host: connect }),
      );
      daemon = disposal.use(await host.startDaemon());
      domain = await libvirt.createDomain({ name: NAME, channels: [CALLS, ASKS] });
      await domain.start();
      domain.spawn("exec negotiator guest daemon");
      await isOpen(NAME);
    }, TIMEOUT_MS);
    afterAll(() => disposal.disposeAsync(), TIMEOUT_MS);

    const isOpen = (name: string): Promise<unknown> =>
      until(`"${name}" answers`, async () => (await host.guest(name))?.state === "open");
    /** Starts a command that gives back line by line, and waits until it runs. */
    const converse = async (name: string): Promise<Conversation> => {
      const call = host.start(["host", "execute", "-t", "0", name, "echo"], "pipe");
      await until("the command runs", () => call.stdout().endsWith("\n"));
      const say = async (line: string): Promise<void> => {
        await call.stdin?.write(`${line}\n`);
        await call.stdin?.flush();
      };
      const hear = async (line: string): Promise<void> => {
        await until(`"${line}" comes back`, () => call.stdout().endsWith(`\n${line}\n`), ECHO_MS);
      };
      return { say, hear, call, [Symbol.asyncDispose]: () => call[Symbol.asyncDispose]() };
    };

    test(
      "calls its guests by name, and is called by them",
      async () => {
        const uuid = (await libvirt.virsh("domuuid", NAME)).trim();
        const there = ["host", "execute", NAME, "show", "a b"];
        const reply = { exitCode: 0, stdout: "[a b]\n", stderr: "" };
        expect(await host.run(there)).toMatchObject(reply);
        for (const way of ["", "--direct"]) {
          expect(await domain.run(`negotiator guest execute ${way} whoami`)).toMatchObject({
            exitCode: 0,
            stdout: `host whoami ${NAME} ${uuid}\n`,
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
      TIMEOUT_MS,
    );

    test(
      "goes on with a call after its guest was suspended",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.virsh("suspend", NAME);
        await conversation.say("are you there");
        await libvirt.virsh("resume", NAME);
        await conversation.hear("are you there");
        await conversation.call.stdin?.end();
        expect((await conversation.call.exited).exitCode).toBe(0);
      },
      TIMEOUT_MS,
    );

    test(
      "talks again with a guest that was saved and restored",
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
      TIMEOUT_MS,
    );

    test(
      "goes on with a call after its guest was saved and restored",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.virsh("save", NAME, libvirt.at("state"));
        await isSaved(NAME);
        await conversation.say("are you there");
        const listed = await host.run(["host", "list-guests"]);
        const status = await host.run(["host", "status", NAME]);
        const startMs = performance.now();
        const refused = await host.run(["host", "execute", "-t", "0", NAME, "show", "1"]);
        const refusalMs = performance.now() - startMs;
        await libvirt.virsh("restore", libvirt.at("state"));
        await conversation.hear("are you there");
        await conversation.call.stdin?.end();
        expect((await conversation.call.exited).exitCode).toBe(0);

        expect(listed.stdout).not.toContain(NAME);
        expect(status.stdout).toStartWith(`${NAME}: saved, `);
        expect(refused.exitCode).toBe(125);
        expect(refused.stderr).toBe(
          `negotiator: Guest "${NAME}" does not answer: it is saved\nBring it back: virsh restore FILE, with the file of virsh save\n`,
        );
        expect(refusalMs).toBeLessThan(SOON_MS);
      },
      TIMEOUT_MS,
    );

    test(
      "goes on with a call after its guest was saved by libvirt itself, and started in the next moment",
      async () => {
        await using conversation = await converse(NAME);
        await libvirt.virsh("managedsave", NAME);
        await libvirt.virsh("start", NAME);
        await conversation.say("are you there");
        await conversation.hear("are you there");
      },
      TIMEOUT_MS,
    );

    test(
      "ends the calls of a saved guest that is not known any more, and goes on with those of one that never was",
      async () => {
        const file = libvirt.at("state");
        await using lost = await converse(NAME);
        await libvirt.virsh("save", NAME, file);
        await isSaved(NAME);
        await Bun.write(libvirt.at("definition.xml"), await libvirt.virsh("dumpxml", NAME));
        await libvirt.virsh("undefine", NAME);
        const { exitCode, stderr } = await lost.call.exited;
        expect(exitCode).toBe(125);
        expect(stderr).toContain(`guest "${NAME}" is gone`);

        // From now on it is transient: when it is saved, libvirt has nothing of it but an event.
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
      TIMEOUT_MS,
    );

    const saveAndRestore = async (): Promise<void> => {
      const file = libvirt.at("state");
      await libvirt.virsh("save", NAME, file);
      await isSaved(NAME);
      await libvirt.virsh("restore", file);
      await isOpen(NAME);
    };
    const isSaved = (name: string): Promise<unknown> =>
      until(`"${name}" is saved`, async () => {
        const guests = await askWholeStatus(host.at("host.sock"));
        return guests?.find((guest) => guest.name === name)?.state === "saved";
      });

    test(
      "notices soon that a guest starts, gets a port, and is destroyed in the middle of a call",
      async () => {
        const other = await libvirt.createDomain({ name: "other", channels: [CALLS] });
        const started = other.start();
        await until("libvirt has started it", async () =>
          /^other$/m.test(await libvirt.virsh("list", "--name")),
        );
        await until("the daemon knows it", async () => await host.guest("other"), NOTICE_MS);
        await started;

        const file = libvirt.at("channel.xml");
        await Bun.write(file, channelXml(ASKS));
        await libvirt.virsh("attach-device", "other", file, "--live");
        await until(
          "the daemon has found the port",
          () => daemon.stderr().includes(`guest "other": found the port ${ASKS}`),
          NOTICE_MS,
        );
        const asked = await other.run("negotiator guest execute whoami");
        expect(asked).toMatchObject({ exitCode: 0, stderr: "" });
        expect(asked.stdout).toStartWith("host whoami other ");

        other.spawn("exec negotiator guest daemon");
        await isOpen("other");
        await using conversation = await converse("other");
        other.spawn(`exec negotiator guest execute --direct -t 0 linger ${host.at("pid")}`);
        const pid = await until("the guest's own call runs here", () => readPid(host.at("pid")));
        await libvirt.virsh("destroy", "other");
        await until(
          "the daemon forgets it",
          async () => (await host.guest("other")) === undefined,
          NOTICE_MS,
        );
        await until("what the guest ran here has ended", () => !existsSync(`/proc/${pid}`));
        const { exitCode, stderr } = await conversation.call.exited;
        expect(exitCode).toBe(125);
        expect(stderr).toContain('guest "other" is gone');
        expect(await host.run(["host", "execute", NAME, "show", "1"])).toMatchObject({ stdout: "[1]\n" });
      },
      TIMEOUT_MS,
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
