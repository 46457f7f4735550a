/** `add-channel`, `remove-channel` and `doctor` on the system's libvirt, with domains of each kind. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { readFindings } from "../support/findings.ts";
import type { PrintedFinding } from "../support/findings.ts";
import { LIBVIRT_TOOLS } from "../support/libvirt.ts";
import { launch, PROGRAM } from "../support/program.ts";
import type { Ended } from "../support/program.ts";
import { runProcess } from "../support/program-run.ts";
import { startSystemLibvirt } from "../support/system-libvirt.ts";
import type { SystemLibvirt } from "../support/system-libvirt.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";

const PORT = "negotiator-host-to-guest.0";
const OTHER = "org.qemu.guest_agent.0";
const CONTROLLER = "<controller type='virtio-serial'/>";
const AGENT = `<channel type='unix'><target type='virtio' name='${OTHER}'/></channel>`;
const MISTYPED = "<channel type='unix'><target type='virtio' name='negotiator-host-to-guest.1'/></channel>";
const FOREIGN = `<channel type='pty'><target type='virtio' name='${PORT}'/></channel>`;

/** The devices of each domain, and how it is there. */
const DOMAINS = {
  bare: { devices: "", way: ["start"] },
  "it's used": { devices: AGENT, way: ["start"] },
  off: { devices: "", way: [] },
  passing: { devices: CONTROLLER, way: ["create", "suspend"] },
  strange: { devices: FOREIGN, way: [] },
  "d-typed": { devices: MISTYPED, way: ["start"] },
} as const;
/** All but the last one. */
const ALL = ["bare", "it's used", "off", "passing", "strange"] as const;
type Name = keyof typeof DOMAINS;

await describeWithVm(
  "the channels of libvirt's domains",
  () => {
    let libvirt: SystemLibvirt;
    const disposal = new AsyncDisposableStack();

    beforeAll(async () => {
      libvirt = disposal.use(await startSystemLibvirt("nobody"));
      for (const [name, { devices, way }] of Object.entries(DOMAINS)) await create(name, devices, way);
    }, TEST_TIMEOUT_MS);
    afterAll(async () => {
      for (const name of Object.keys(DOMAINS)) await libvirt.virsh("destroy", name).catch(() => undefined);
      await disposal.disposeAsync();
    }, TEST_TIMEOUT_MS);

    const create = async (name: string, devices: string, way: readonly string[]): Promise<void> => {
      const file = libvirt.at("domain.xml");
      await Bun.write(file, domainXml(name, devices));
      if (way[0] === "create") await libvirt.virsh("create", file);
      else await libvirt.virsh("define", file);
      for (const word of way.filter((each) => each !== "create")) await libvirt.virsh(word, name);
    };
    const run = (...words: string[]): Promise<Ended> => runWith({}, ...words);
    const runWith = async (more: Record<string, string>, ...words: string[]): Promise<Ended> => {
      const control = libvirt.at("none.sock");
      const env = { NEGOTIATOR_CONFIG: "/dev/null", NEGOTIATOR_HOST_CONTROL: control, ...more };
      await using launched = launch(["host", ...words], { env, program: [...libvirt.inside, ...PROGRAM] });
      return await launched.ended();
    };
    /** The findings of one check of `doctor`. */
    const examine = async (check: string, ...words: string[]): Promise<PrintedFinding[]> =>
      readFindings((await run("doctor", "--json", ...words)).stdout, check);
    /** The ports of a domain: now, and after its next start. */
    const portsOf = async (name: Name): Promise<[live: string[], config: string[]]> => {
      const read = async (...words: string[]): Promise<string[]> =>
        [
          ...(await libvirt.virsh("dumpxml", ...words, name)).matchAll(
            /<target type='virtio' name='([^']+)'/g,
          ),
        ]
          .map(([, port = ""]) => port)
          .toSorted();
      return [await read(), await read("--inactive")];
    };
    const inodeOf = async (name: Name): Promise<string> =>
      (await runProcess([...libvirt.inside, "stat", "-c", "%i", await libvirt.socketOf(name)], PATHS)).stdout;

    test(
      "add-channel gives each kind of domain its channel once, and remove-channel takes only that away",
      async () => {
        const dry = await run("add-channel", "it's used", "--dry-run");
        expect(dry.exitCode).toBe(0);
        expect(await portsOf("it's used")).toEqual([[OTHER], [OTHER]]);
        const [line = ""] = dry.stdout.split("\n");
        expect(line).toEndWith("| virsh attach-device 'it'\\''s used' /dev/stdin --live --config");
        expect(await runProcess([...libvirt.inside, "sh", "-c", line], PATHS)).toMatchObject({ exitCode: 0 });
        expect(await portsOf("it's used")).toEqual([
          [PORT, OTHER],
          [PORT, OTHER],
        ]);

        const before = await inodeOf("it's used");
        const added = await run("add-channel", ...ALL, "--json", "--wait", "0.1");
        expect(results(added)).toEqual({
          bare: "restart",
          "it's used": "present, agent none",
          off: "added",
          passing: "added",
          strange: "failed",
        });
        expect(added.exitCode).toBe(1);
        expect(await inodeOf("it's used")).toBe(before);
        expect(await portsOf("bare")).toEqual([[], [PORT]]);
        expect(await portsOf("off")).toEqual([[PORT], [PORT]]);
        expect((await portsOf("passing"))[0]).toEqual([PORT]);

        const again = await run("add-channel", "--pattern", "*s*", "--pattern", "bare", "--wait", "0.1");
        expect(again.stdout).toBe(
          [
            "GUEST      STATE     CHANNEL          AGENT",
            "bare       running   needs a restart  -",
            "it's used  running   there already    none yet",
            "passing    paused    there already    -",
            "strange    shut off  FAILED           -",
            "bare: no virtio-serial controller, and libvirt cannot add one while the guest runs",
            "  Shut it down (a reboot inside is not enough): virsh shutdown bare",
            "  When it is off, start it: virsh start bare",
            "it's used: no agent has the channel open",
            "  Install and start it there: negotiator guest install",
            `strange: the port ${PORT} is there, but of the type "pty", so it is not of negotiator`,
            '  Replace it by the XML of "negotiator host add-channel --print-xml": virsh edit strange',
            "",
          ].join("\n"),
        );

        await libvirt.virsh("destroy", "bare");
        await libvirt.virsh("start", "bare");
        expect(await portsOf("bare")).toEqual([[PORT], [PORT]]);
        const names = ["bare", "off", "it's used", "passing"] as const;
        const removed = await run("remove-channel", ...names, "nowhere", "--json");
        expect(results(removed)).toEqual({
          ...Object.fromEntries(names.map((name) => [name, "removed"])),
          nowhere: "failed",
        });
        expect(removed.exitCode).toBe(1);
        expect(await portsOf("it's used")).toEqual([[OTHER], [OTHER]]);
        for (const name of ["bare", "off"] as const) expect(await portsOf(name)).toEqual([[], []]);
        const rest = await run("remove-channel", "bare", "strange", "--json");
        expect(results(rest)).toEqual({ bare: "absent", strange: "failed" });

        // Both at once would attach it twice, and libvirt would replace its socket by a dead one.
        const add = () => run("add-channel", "it's used", "--json", "--wait", "0");
        const both = await Promise.all([add(), add()]);
        expect(new Set(both.map((each) => results(each)["it's used"]))).toEqual(
          new Set(["added", "present"]),
        );
        expect(both.map(({ stderr }) => stderr).join("")).toMatch(
          /^Waiting up to 120 s for another add-channel \(process \d+\) to end; Ctrl-C stops\n$/,
        );
        const [socket] = readFindings((await run("doctor", "--json", "it's used")).stdout, "socket");
        expect(socket).toMatchObject({ level: "ok" });
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "doctor names what is wrong with one guest and its libvirt, and --fix adds the port",
      async () => {
        const guest = "d-typed";
        const [runs, typed] = await examine("guest", guest);
        expect(runs).toMatchObject({ level: "ok", message: "it runs" });
        expect(typed).toMatchObject({ level: "problem", fix: "negotiator host add-channel d-typed" });
        expect(typed?.message).toEndWith('"negotiator-host-to-guest.1" may be mistyped');
        // The check of the guest says it already.
        expect(await examine("agent", guest)).toEqual([]);
        expect((await examine("guests")).map(({ message }) => message).join()).toContain(guest);

        await run("doctor", guest, "--fix");
        expect(await portsOf(guest)).toEqual([
          [PORT, "negotiator-host-to-guest.1"],
          [PORT, "negotiator-host-to-guest.1"],
        ]);
        const agent = await examine("agent", guest);
        expect(agent).toMatchObject([
          { level: "problem", message: expect.stringContaining("no agent answers on it") },
        ]);

        const unasked = { NEGOTIATOR_HOST_LIBVIRT: "no", NEGOTIATOR_HOST_QEMU: "no" };
        const [lost] = readFindings((await runWith(unasked, "doctor", "--json")).stdout, "libvirt");
        expect(lost).toMatchObject({ level: "warning", message: expect.stringContaining(guest) });
        expect(lost?.remedy).toStartWith('Set host.libvirt = "auto" in NEGOTIATOR_HOST_LIBVIRT.');

        // libvirt refuses the second one, and has replaced the socket.
        const again = `echo '${CHANNEL}' | virsh attach-device ${guest} /dev/stdin --live`;
        await runProcess([...libvirt.inside, "sh", "-c", again], PATHS);
        const [socket] = await examine("socket", guest);
        expect(socket).toMatchObject({
          level: "problem",
          message: expect.stringContaining("no process listens there, as after a port was attached twice"),
          remedy: `Attach it again: ${HOST} remove-channel ${guest}; ${HOST} add-channel ${guest}`,
        });
        await run("remove-channel", guest);
        await run("add-channel", guest, "--wait", "0");
        expect((await examine("socket", guest))[0]).toMatchObject({ level: "ok" });

        await libvirt.virsh("suspend", guest);
        expect((await examine("guest", guest))[0]).toMatchObject({ message: "it is paused", remedy: RESUME });
        await libvirt.virsh("destroy", guest);
        expect((await examine("guest", guest))[0]).toMatchObject({
          message: "it is shut off",
          remedy: START,
        });

        const [wrong] = await examine("libvirt", "--connect", "qemu:///sytem");
        expect(wrong).toMatchObject({ level: "problem", remedy: expect.stringContaining("qemu:///system") });
        const [down] = await examine("libvirt", "--connect", "qemu:///system?socket=/nowhere");
        expect(down).toMatchObject({ level: "problem", remedy: expect.stringContaining("Start libvirt") });
        expect((await examine("libvirt"))[0]).toMatchObject({
          level: "ok",
          message: "qemu:///system answers",
        });
      },
      TEST_TIMEOUT_MS,
    );

    test(
      "doctor names a port of another kind, and a QEMU that a signal has stopped",
      async () => {
        await create("kind", FOREIGN, ["start"]);
        const wrong = (await examine("guests")).find(({ message }) => message.includes("is not a socket"));
        expect(wrong).toMatchObject({ level: "problem", message: expect.stringContaining(": kind") });
        expect(wrong?.remedy).toEndWith("negotiator host doctor kind");
        const [, port] = await examine("guest", "kind");
        expect(port).toMatchObject({ level: "problem", message: expect.stringContaining('type "pty"') });
        expect(port?.remedy).toContain("virsh edit kind\nShut it down");

        const { stdout } = await runProcess([...libvirt.inside, "cat", "/run/libvirt/qemu/kind.pid"], PATHS);
        process.kill(Number(stdout), "SIGSTOP");
        const [stopped] = await examine("qemu", "kind");
        process.kill(Number(stdout), "SIGCONT");
        const remedy = `Let it go on: kill -CONT ${Number(stdout)}`;
        expect(stopped).toMatchObject({ level: "problem", remedy });
        expect(await examine("qemu", "kind")).toEqual([]);
        await libvirt.virsh("destroy", "kind");
        await libvirt.virsh("undefine", "kind");
      },
      TEST_TIMEOUT_MS,
    );
  },
  LIBVIRT_TOOLS,
);

const CHANNEL = `<channel type="unix"><target type="virtio" name="${PORT}"/></channel>`;
const RESUME = "Resume it: virsh resume d-typed";
const HOST = "negotiator host";
const START = "Start it: virsh start d-typed";

/** The result of each guest, and its agent. */
function results({ stdout }: Ended): Record<string, string> {
  const rows = stdout
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line))
    .map(({ guest, result, agent }) => [guest, agent === null ? result : `${result}, agent ${agent}`]);
  return Object.fromEntries(rows);
}

const PATHS = { PATH: process.env["PATH"] ?? "", LC_ALL: "C" };

function domainXml(name: string, devices: string): string {
  return `<domain type='qemu'><name>${name.replaceAll("'", "&apos;")}</name><memory unit='MiB'>32</memory>
<os><type arch='x86_64' machine='pc'>hvm</type></os>
<devices>${devices}<memballoon model='none'/></devices></domain>`;
}
