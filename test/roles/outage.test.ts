/** Tests calls while channels are cut, and daemons are stopped, killed and restarted. */
import { expect, test } from "bun:test";
import { rename } from "node:fs/promises";
import { endLater, listGroup } from "../support/captured-run.ts";
import { chooseSeed, createRandom } from "../support/random.ts";
import { createStage } from "../support/stage.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
/** The remedy of a call whose end is not known. */
const AUDIT = "Look how the call ended, in the audit of the other side: tail /var/log/negotiator/audit.jsonl";
/** Reconnects take longer after each cut, so there are only a few. */
const MOST_CUTS = 4;
/** Makes a silent peer unresponsive after 0.6 s. */
const SHORT_LIMITS = "[limits]\npingAfterMs = 200\nunresponsiveAfterMs = 600\n";

test.concurrent(
  "a call loses and repeats none of 5 MB when its channel is cut at random moments",
  async () => {
    const seed = chooseSeed();
    const random = createRandom(seed);
    await using stage = await createStage();
    await stage.guest().command("cat", "#!/bin/sh\nexec cat\n");
    const input = random.bytes(5_000_000);
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "cat"], { stdin: input });
    const pieces: Uint8Array[] = [];
    let length = 0;
    let cutAt = random.below(1_000_000);
    let cuts = 0;
    for (let bytes = await running.read(); bytes !== undefined; bytes = await running.read()) {
      pieces.push(bytes);
      length += bytes.length;
      if (length < cutAt) continue;
      stage.guest().port.dropHost();
      cuts++;
      cutAt = cuts < MOST_CUTS ? length + random.below(1_500_000) : Infinity;
    }
    const { exitCode, stderr } = await running.ended();
    expect({ seed, exitCode, length, stderr }).toEqual({
      seed,
      exitCode: 0,
      length: input.length,
      stderr: "",
    });
    expect(Buffer.compare(Buffer.concat(pieces), input)).toBe(0);
    expect(cuts).toBeGreaterThan(1);
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a call with --connect-timeout waits for a guest whose socket has been gone for long, and others do not",
  async () => {
    await using stage = await createStage();
    const { hostPath, dropHost } = stage.guest().port;
    const ID = ["web1", "find-distributor-id"];
    await stage.open();
    await rename(hostPath, `${hostPath}.away`);
    dropHost();
    const refused = await stage.host.run(["execute", ...ID]);
    expect(refused).toMatchObject({ exitCode: 125, stdout: "" });
    await using waiting = stage.host.launch(["execute", "--connect-timeout", "100", ...ID]);
    expect((await stage.host.run(["execute", ...ID])).stderr).toBe(refused.stderr);
    await rename(`${hostPath}.away`, hostPath);
    expect(await waiting.ended()).toMatchObject({ exitCode: 0, stderr: "" });
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a call ends with 125 when the guest's daemon is restarted, and the next call works",
  async () => {
    await using stage = await createStage({ settings: SHORT_LIMITS });
    await stage.guest().command("sleeper", "#!/bin/sh\necho $$\nexec sleep 600\n");
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "sleeper"]);
    using _ = endLater(Number(await running.firstLine()));
    stage.guest().daemon.kill("SIGKILL");
    await stage.guest().daemon.exited;

    await stage.guest().start();
    const { exitCode, stderr } = await running.ended();

    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr: `negotiator: The peer was restarted: the outcome of the call is unknown\n${AUDIT}\n`,
    });
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
    const audit = await stage.host.audit();
    expect(audit[0]).toMatchObject({ command: "sleeper", errorCode: "UNKNOWN_OUTCOME" });
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a killed host's daemon ends its callers with 125, and their commands in the guest end",
  async () => {
    await using stage = await createStage({ settings: SHORT_LIMITS });
    await stage.guest().command("sleeper", "#!/bin/sh\necho $$\nexec sleep 600\n");
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "sleeper"]);
    const group = Number(await running.firstLine());
    stage.host.daemon.kill("SIGKILL");
    const { exitCode, stderr } = await running.ended();
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr:
        "negotiator: The outcome of the call is unknown: The session was closed: " +
        "the host's daemon, which passed the call on, has ended\n" +
        `${AUDIT}\n`,
    });
    await stage.host.start();
    await stage.open();
    await until("the command has ended", async () => (await listGroup(group)).length === 0);
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a call whose guest is stopped ends with 124 after its deadline, and later calls work",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("sleeper", "#!/bin/sh\necho $$\nexec sleep 600\n");
    // A call to a guest that is silent already is not sent, and ends with 125.
    await using running = stage.host.launch(["execute", "-t", "8", "web1", "sleeper"]);
    await running.firstLine();
    stage.guest().daemon.kill("SIGSTOP");
    const { exitCode, stderr } = await running.ended();
    expect({ exitCode, stderr }).toEqual({
      exitCode: 124,
      stderr:
        "negotiator: The deadline has passed, and the other side does not say how the call ended. " +
        'Guest "web1" does not answer: its agent answered before, and is silent now\n' +
        "Start the agent in the guest: negotiator guest daemon\n" +
        "If it is a service there: systemctl restart negotiator-guest; journalctl -u negotiator-guest\n",
    });
    stage.guest().daemon.kill("SIGCONT");
    await stage.open();
    expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a killed caller ends its command in the guest",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("sleeper", "#!/bin/sh\necho $$\nexec sleep 600\n");
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "sleeper"]);
    const group = Number(await running.firstLine());
    running.kill("SIGKILL");
    await until("the command has ended", async () => (await listGroup(group)).length === 0);
    await until("no call is open", async () => (await stage.open()).calls.outgoing === 0);
  },
  TIMEOUT_MS,
);

test(
  "a call right after a restart of the guest's daemon reaches the new daemon",
  async () => {
    await using stage = await createStage();
    stage.guest().daemon.kill("SIGKILL");
    await stage.guest().daemon.exited;
    await stage.guest().start();
    const ended = await stage.host.run(["execute", "web1", "find-distributor-id"]);
    expect(ended).toMatchObject({ exitCode: 0, stderr: "" });
  },
  TIMEOUT_MS,
);

test.concurrent(
  "a guest's caller gets the reason why the daemon has no channel to the host",
  async () => {
    await using stage = await createStage({ withoutDaemons: true });
    const guest = stage.guest();
    await guest.start({ NEGOTIATOR_GUEST_CHARACTER_DEVICE: "/dev/no-port" });
    await guest.daemon.says('Cannot open port "/dev/no-port"');
    const { exitCode, stderr } = await guest.run([
      "execute",
      "--connect-timeout",
      "1",
      "find-distributor-id",
    ]);
    expect({ exitCode, stderr }).toEqual({
      exitCode: 125,
      stderr: expect.stringMatching(
        new RegExp(
          "^negotiator: The host does not answer: " +
            'Cannot open port "/dev/no-port": there is no such file\n.*ls -l ',
        ),
      ),
    });
  },
  TIMEOUT_MS,
);
