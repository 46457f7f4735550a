/** Places where the daemon cannot keep its files, or where something is in the way: `doctor` names them. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod, mkdir, rm } from "node:fs/promises";
import { readFindings } from "../../support/findings.ts";
import type { PrintedFinding } from "../../support/findings.ts";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import type { Side, Stage } from "../../support/stage.ts";

const TIMEOUT_MS = 180_000;
/** Only root can mount. */
const isRoot = process.getuid?.() === 0;

async function examine(side: Side, check: string, program?: readonly string[]): Promise<PrintedFinding[]> {
  const { stdout } = await side.run(["doctor", "--json"], program && { program });
  return readFindings(stdout, check);
}

/**
 * The words before those of `doctor`, which then sees a file system with these options at `path`. `fill`: how
 * many bytes are in it.
 */
function withMount(path: string, options: string, fill: number): readonly string[] {
  const script = [
    `mount -t tmpfs -o "${options}" none "${path}"`,
    ...(fill === 0 ? [] : [`head -c ${fill} /dev/zero >"${path}/file"`]),
    'exec "$@"',
  ].join(" && ");
  return ["unshare", "--mount", "sh", "-c", script, "sh", ...PROGRAM, "host"];
}

describe.if(isRoot)("doctor finds a place", () => {
  let stage: Stage;
  const held = new AsyncDisposableStack();
  beforeAll(async () => {
    stage = held.use(await createStage({ withoutDaemons: true }));
    await mkdir(stage.at("kept"));
    await stage.host.configure(`detached.directory = "${stage.at("kept")}"\n`);
  }, TIMEOUT_MS);
  afterAll(() => held.disposeAsync(), TIMEOUT_MS);

  test.each<[string, string, number, string]>([
    ["that is read-only", "ro,mode=755", 0, "read-only"],
    ["without inodes", "nr_inodes=1,mode=755", 0, "no inode"],
    ["without room", "size=1M,mode=755", 1 << 20, "is full"],
  ])(
    "%s for detached calls",
    async (_, options, fill, words) => {
      const kept = stage.at("kept");
      const [found] = await examine(stage.host, "detached", withMount(kept, options, fill));
      expect(found).toMatchObject({ level: "warning", message: expect.stringContaining(words) });
      expect(found?.remedy).toContain(kept);
    },
    TIMEOUT_MS,
  );

  test(
    "without inodes for the audit",
    async () => {
      const audits = stage.at("audits");
      await mkdir(audits);
      const env = { NEGOTIATOR_AUDIT_FILE: `${audits}/audit.jsonl` };
      const program = withMount(audits, "nr_inodes=1,mode=755", 0);
      const { stdout } = await stage.host.run(["doctor", "--json"], { env, program });
      const [found] = readFindings(stdout, "audit");
      expect(found).toMatchObject({ level: "problem", message: expect.stringContaining("no inode") });
      expect(found?.remedy).toContain("du --inodes");
    },
    TIMEOUT_MS,
  );
});

test(
  "a directory or a file in the place of the control socket is named, with the command that moves it",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const { host } = stage;
    await mkdir(host.control);
    const [found] = await examine(host, "daemon");
    expect(found).toMatchObject({ level: "problem", message: expect.stringContaining("is a directory") });
    expect(found?.remedy).toStartWith(`Move it away: mv ${host.control} ${host.control}.old`);
    await rm(host.control, { recursive: true });
    await Bun.write(host.control, "");
    const [file] = await examine(host, "daemon");
    expect(file?.message).toContain("is not a socket");
  },
  TIMEOUT_MS,
);

test(
  "a daemon with another config, or with settings from its environment, is named with both",
  async () => {
    await using stage = await createStage();
    const { host } = stage;
    const other = stage.at("other.toml");
    await Bun.write(other, `host.control = "${host.control}"\nhost.libvirt = "no"\nhost.qemu = "no"\n`);
    const { stdout } = await host.run(["doctor", "--json"], { env: { NEGOTIATOR_CONFIG: other } });
    const [found] = readFindings(stdout, "daemon");
    expect(found).toMatchObject({
      level: "warning",
      message: `the daemon uses the config ${stage.at("host.toml")}, and doctor looks at ${other}`,
      remedy: expect.stringContaining(`negotiator host doctor --config ${stage.at("host.toml")}`),
    });

    const guest = stage.guest();
    guest.daemon.kill("SIGTERM");
    await guest.daemon.exited;
    await guest.start({ NEGOTIATOR_DRAIN_SECONDS: "77" });
    const [set] = await examine(guest, "daemon");
    expect(set).toMatchObject({
      level: "warning",
      message: "the daemon has drainSeconds = 77 from NEGOTIATOR_DRAIN_SECONDS, and doctor sees 10",
    });
    expect(set?.remedy).toContain("drainSeconds");
  },
  TIMEOUT_MS,
);

/** An ELF file for a processor and a loader, without code. */
function elfFor(machine: number, loader: string): Uint8Array {
  const bytes = Buffer.alloc(256);
  bytes.write("\u007fELF\u0002\u0001\u0001", "latin1");
  bytes.writeUInt16LE(2, 16);
  bytes.writeUInt16LE(machine, 18);
  bytes.writeUInt32LE(1, 20);
  bytes.writeBigUInt64LE(64n, 32);
  bytes.writeUInt16LE(64, 52);
  bytes.writeUInt16LE(56, 54);
  bytes.writeUInt16LE(1, 56);
  // One segment: the name of the loader.
  bytes.writeUInt32LE(3, 64);
  bytes.writeBigUInt64LE(128n, 72);
  bytes.writeBigUInt64LE(BigInt(loader.length + 1), 96);
  bytes.write(`${loader}\0`, 128, "latin1");
  return bytes;
}

const X64 = 62;
const OTHER_MACHINE = 243;

test(
  "commands that the kernel does not start: empty, for another processor, without their loader",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const { host } = stage;
    const empty = await host.command("empty", "");
    const foreign = await host.command("foreign", "");
    await Bun.write(foreign, elfFor(OTHER_MACHINE, "/lib/ld.so"));
    const musl = await host.command("musl", "");
    await Bun.write(musl, elfFor(process.arch === "x64" ? X64 : 183, "/lib/ld-none.so.1"));
    const findings = await examine(host, "commands");
    for (const [path, words] of [
      [empty, "it is empty"],
      [foreign, "it was built for machine 243, and this machine is"],
      [musl, "its loader /lib/ld-none.so.1 is missing"],
    ] as const)
      expect(findings.find(({ message }) => message.includes(`"${path}"`))?.message).toContain(words);
    expect(findings.map(({ remedy }) => remedy)).toEqual(Array(3).fill(expect.any(String)));
  },
  TIMEOUT_MS,
);

test(
  "a hook of freezes that others may write, or that cannot start, is named if the guest agent is on",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    const hook = stage.at("hook");
    await Bun.write(hook, "#!/opt/no-shell\n");
    const lookAt = async (mode: number, qga = "yes"): Promise<PrintedFinding[]> => {
      await chmod(hook, mode);
      const env = { NEGOTIATOR_GUEST_FREEZE_HOOK: hook, NEGOTIATOR_GUEST_QGA: qga };
      return readFindings((await guest.run(["doctor", "--json"], { env })).stdout, "freeze");
    };
    expect(await lookAt(0o777)).toMatchObject([
      { level: "problem", remedy: expect.stringContaining(`chmod go-w ${hook}`) },
    ]);
    expect(await lookAt(0o644)).toMatchObject([
      { level: "warning", remedy: `Make it executable: chmod 755 ${hook}` },
    ]);
    expect(await lookAt(0o755)).toMatchObject([
      { level: "problem", message: expect.stringContaining('"/opt/no-shell" is missing') },
    ]);
    expect(await lookAt(0o755, "no")).toEqual([]);
  },
  TIMEOUT_MS,
);
