/** Tests channels on a virtio-serial port inside a real guest. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { join } from "node:path";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import { describeWithVm } from "../support/describe-with-vm.ts";
import { TEST_TIMEOUT_MS } from "../support/timeouts.ts";
import { chooseSeed, createRandom } from "../support/random.ts";
import type { Random } from "../support/random.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import type { VirtualMachine } from "../support/virtual-machine.ts";
import { bootVm } from "../support/vm.ts";

const ROOT = join(import.meta.dir, "../..");
const PORT = "negotiator-host-to-guest.0";
const DEVICE = "/dev/vport0p1";
const MARK_BYTES = 32;
/** A limit for actions that must not wait: with a silent host they would otherwise wait forever. */
const AT_ONCE_MS = 30_000;
/** The number of measurements; the lowest one counts. */
const MEASUREMENTS = 5;

/** The facts that the program prints. `share` is its share of a processor. */
type Facts = { share: number; closeMs: number };

await describeWithVm("a port in a guest with one processor", () => {
  let vm: VirtualMachine<typeof PORT>;
  const disposal = new AsyncDisposableStack();

  beforeAll(async () => {
    const directory = disposal.use(await createTemporaryDirectory());
    const program = directory.at("program");
    await compileProgram(program);
    vm = disposal.use(await bootVm({ binary: program, ports: [PORT] }));
  }, TEST_TIMEOUT_MS);
  afterAll(() => disposal.disposeAsync(), TEST_TIMEOUT_MS);

  const dial = () => dialSocket(vm.sockets[PORT]);
  /** Runs one action of the program and returns the facts. */
  const perform = async (words: string): Promise<Facts> => {
    const { exitCode, stdout, stderr } = await vm.run(`negotiator ${words}`);
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
    const facts: Facts = JSON.parse(stdout);
    return facts;
  };
  /**
   * Measures the processor share of an idle program until it is below `limit`, at most `MEASUREMENTS` times.
   * On an emulated processor the program is also charged for other work of the machine, but a spinning
   * program uses all of it every time.
   */
  const leastShare = async (limit: number): Promise<number> => {
    let least = Infinity;
    for (let count = 0; count < MEASUREMENTS && least >= limit; count++)
      least = Math.min(least, (await perform(`idle ${DEVICE}`)).share);
    return least;
  };

  test(
    "a port refuses a second opener with BUSY, and is free at once after close during a read",
    async () => {
      await using _ = await dial();
      const refusal = {
        code: "BUSY",
        message: [
          `Cannot open port "${DEVICE}": another process has it open`,
          `Find it with: fuser -v ${DEVICE}`,
        ].join("\n"),
      };
      const facts = await perform(`busy ${DEVICE}`);
      expect(facts).toMatchObject({ refusals: [refusal, refusal], bytes: 0 });
      expect(facts.closeMs).toBeLessThan(AT_ONCE_MS);
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "an idle port uses little processor time without a host, and with a silent host",
    async () => {
      expect(await leastShare(0.3)).toBeLessThan(0.3);
      await using _ = await dial();
      expect(await leastShare(0.2)).toBeLessThan(0.2);
    },
    TEST_TIMEOUT_MS,
  );

  const STUCK = { childOutput: "child\n", wasWriting: true, outcome: "CLOSED" };

  test(
    "a write that waits for an absent host does not block the process",
    async () => expectAlive(await perform(`stuck ${DEVICE}`), STUCK),
    TEST_TIMEOUT_MS,
  );

  test(
    "a write that waits for a host that does not read blocks neither the process nor reads",
    async () => {
      await using channel = await dial();
      await channel.write(Buffer.from("read me"));
      expectAlive(await perform(`stuck ${DEVICE} read`), { ...STUCK, received: "read me" });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a process exits at once with a pending read and write, and the port is free afterwards",
    async () => {
      for (const channel of [undefined, await dial()]) {
        const start = performance.now();
        expect(await vm.run(`negotiator exit ${DEVICE}`)).toMatchObject({ exitCode: 7, stderr: "" });
        expect(performance.now() - start).toBeLessThan(AT_ONCE_MS);
        await channel?.close();
      }
      expect(await perform(`busy ${DEVICE}`)).toMatchObject({ bytes: 0 });
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "the iteration yields one empty piece each time the host has left",
    async () => {
      const program = vm.spawn(`negotiator log ${DEVICE} /tmp/pieces`);
      let lines = "-\n";
      const expectLines = () =>
        until(`the program has seen ${JSON.stringify(lines)}`, async () => {
          const { stdout } = await vm.run("cat /tmp/pieces");
          // A second empty piece for one absence must not look like one for the next.
          expect(lines.startsWith(stdout)).toBe(true);
          return stdout === lines;
        });
      await expectLines();
      for (const text of ["one", "two", "three"]) {
        const channel = await dial();
        await channel.write(Buffer.from(text));
        lines += `${text}\n`;
        await expectLines();
        await channel.close();
        lines += "-\n";
        await expectLines();
      }
      await vm.signal(program, "KILL");
      expect((await program.exited).stderr).toBe("");
    },
    TEST_TIMEOUT_MS,
  );

  test(
    "a port carries every byte in both directions, except around a reconnect",
    async () => {
      const seed = chooseSeed();
      console.log(`NEGOTIATOR_TEST_SEED=${seed}`);
      const random = createRandom(seed);
      const program = vm.spawn(`negotiator echo ${DEVICE}`);
      let before: Buffer = Buffer.alloc(0);
      for (let visit = 0; visit < 12; visit++) {
        const isLast = visit === 11;
        before = await visitEcho(await dial(), before, random, isLast);
      }
      await vm.signal(program, "KILL");
      expect((await program.exited).stderr).toBe("");
    },
    TEST_TIMEOUT_MS,
  );
});

/** Sends a mark and random bytes, closes once some or all have come back, and returns the sent bytes. */
async function visitEcho(
  channel: Awaited<ReturnType<typeof dialSocket>>,
  before: Buffer,
  random: Random,
  isLast: boolean,
): Promise<Buffer> {
  const sent = Buffer.from(random.bytes(MARK_BYTES + 200_000));
  const wanted = isLast ? sent.length : MARK_BYTES + random.below(sent.length - MARK_BYTES);
  const writing = channel.write(sent).catch(() => undefined);
  let received = Buffer.alloc(0);
  let markAt = -1;
  for await (const piece of channel) {
    received = Buffer.concat([received, piece]);
    if (markAt === -1) markAt = received.indexOf(sent.subarray(0, MARK_BYTES));
    if (markAt !== -1 && received.length - markAt >= wanted) break;
  }
  await channel.close();
  await writing;
  // Bytes of the last visit may come back late. The bytes of this visit follow without a gap.
  expect(before.includes(received.subarray(0, markAt))).toBe(true);
  expect(sent.subarray(0, received.length - markAt).equals(received.subarray(markAt))).toBe(true);
  return sent;
}

function expectAlive(facts: Facts, expected: Record<string, unknown>): void {
  expect(facts).toMatchObject(expected);
  expect(facts.closeMs).toBeLessThan(AT_ONCE_MS);
}

async function compileProgram(outfile: string): Promise<void> {
  await Bun.build({
    entrypoints: [join(ROOT, "test/fixtures/port-program.ts")],
    compile: { outfile, autoloadBunfig: false, autoloadDotenv: false },
  });
}
