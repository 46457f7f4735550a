/** Tests many calls, guests and bytes at once: no call gets another's data, and memory stays bounded. */
import { executeOn } from "../../src/peers/remote-command.ts";
import { createNativePeer } from "../../src/peers/native.ts";
import { expect, test } from "bun:test";
import { dialSocket } from "../../src/channels/socket/socket.ts";
import type { Peer } from "../../src/peers/peer.ts";
import { noDaemon } from "../../src/roles/cli/control-client.ts";
import { openCliSession } from "../../src/roles/cli/cli-session.ts";
import type { CliSession } from "../../src/roles/cli/cli-session.ts";
import { peakBytes } from "../support/program.ts";
import { createStage } from "../support/stage.ts";
import type { Side } from "../support/stage.ts";
import { until } from "../support/until.ts";

const TIMEOUT_MS = 180_000;
/** The time that a slow machine needs for 200 MB. */
const FLOOD_TIMEOUT_MS = 400_000;
const MIB = 1024 * 1024;

/** Opens a session with a daemon at its control socket, without a process for each call. */
async function openSession(side: Side): Promise<CliSession> {
  return openCliSession(side.role, await dialSocket(side.control));
}

function peerOver({ session }: CliSession, extra: Record<string, string>): Peer {
  return createNativePeer(session, { extra, explainNoAnswer: () => noDaemon("host", "?") });
}

async function callOnce(peer: Peer, command: string, args: string[], input: string): Promise<string> {
  const remote = executeOn(peer, { command, args, hasInput: true, timeoutMs: 0 });
  const feeding = remote.stdin?.write(Buffer.from(input)).then(() => remote.stdin?.end());
  const pieces: Uint8Array[] = [];
  for await (const bytes of remote.stdout) pieces.push(bytes);
  await feeding;
  const { exitCode } = await remote.ended;
  return `${exitCode}:${Buffer.concat(pieces).toString()}`;
}

test(
  "each of 102 calls at once to two guests and the host gets its own output and exit code",
  async () => {
    await using stage = await createStage({ guests: ["web1", "web2"] });
    const script = `#!/bin/sh\nread line\necho "$NEGOTIATOR_ROLE $1 $line"\nexit "$1"\n`;
    for (const side of [stage.host, stage.guest("web1"), stage.guest("web2")])
      await side.command("reply", script);
    await stage.guest("web1").command("where", "#!/bin/sh\necho in web1\n");
    await stage.guest("web2").command("where", "#!/bin/sh\necho in web2\n");
    await using fromHost = await openSession(stage.host);
    await using fromGuest = await openSession(stage.guest("web2"));
    const peers = [
      peerOver(fromHost, { guest: "web1" }),
      peerOver(fromHost, { guest: "web2" }),
      peerOver(fromGuest, {}),
    ];
    const calls = Array.from({ length: 102 }, async (_, index) => {
      const peer = peers[index % 3];
      const role = index % 3 === 2 ? "host" : "guest";
      const answer = peer && (await callOnce(peer, "reply", [`${index}`], `line ${index}\n`));
      return { answer, expected: `${index}:${role} ${index} line ${index}\n` };
    });
    for (const { answer, expected } of await Promise.all(calls)) expect(answer).toBe(expected);
    for (const name of ["web1", "web2"]) {
      expect(await stage.host.run(["execute", name, "where"])).toMatchObject({ stdout: `in ${name}\n` });
    }
    await until("102 calls are in the audit", async () => {
      const hostCalls = (await stage.host.audit()).filter(({ command }) => command === "reply");
      return hostCalls.length === 102;
    });
    await until("no call is open", async () => (await stage.open()).calls.outgoing === 0);
  },
  TIMEOUT_MS,
);

test(
  "200 MB of output arrive complete, and both daemons stay below 256 MiB",
  async () => {
    await using stage = await createStage();
    const bytes = 200_000_000;
    await stage.guest().command("flood", `#!/bin/sh\nyes negotiator | head -c ${bytes}\n`);
    await using running = stage.host.launch(["execute", "-t", "0", "web1", "flood"]);
    const line = Buffer.from("negotiator\n");
    const period = Buffer.alloc(line.length * 100_000, line);
    let length = 0;
    let isSame = true;
    for (let piece = await running.read(); piece !== undefined; piece = await running.read()) {
      const start = length % line.length;
      isSame &&= Buffer.compare(piece, period.subarray(start, start + piece.length)) === 0;
      length += piece.length;
    }
    expect({ ...(await running.ended()), length, isSame }).toMatchObject({
      exitCode: 0,
      length: bytes,
      isSame: true,
    });
    const peaks = await Promise.all([stage.host, stage.guest()].map(({ daemon }) => peakBytes(daemon.pid)));
    for (const peak of peaks) expect(peak).toBeLessThan(256 * MIB);
  },
  FLOOD_TIMEOUT_MS,
);

test(
  "a caller that does not read blocks only its own call, and the daemon's memory stays bounded",
  async () => {
    await using stage = await createStage();
    await stage.guest().command("endless", "#!/bin/sh\nexec cat /dev/zero\n");
    await using stuck = stage.host.launch(["execute", "-t", "0", "web1", "endless"]);
    await stuck.read();
    const before = await peakBytes(stage.host.daemon.pid);
    for (let round = 0; round < 5; round++) {
      expect(await stage.host.run(["execute", "web1", "find-distributor-id"])).toMatchObject({ exitCode: 0 });
    }
    expect((await peakBytes(stage.host.daemon.pid)) - before).toBeLessThan(64 * MIB);
  },
  TIMEOUT_MS,
);
