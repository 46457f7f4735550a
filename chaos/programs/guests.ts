/**
 * Many guests in one process, each with a port at `DIRECTORY/N.port`, from 1 on. As soon as its session is
 * open, guest N runs the command `note N 0` on its host. Prints `listening`, and then how each call ended, as
 * a line of JSON. Words: the directory, the number of guests. It ends with its input.
 */
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { createLink } from "../../src/peers/link.ts";
import { createNativePeer } from "../../src/peers/native.ts";
import type { Peer } from "../../src/peers/peer.ts";
import { executeOn } from "../../src/peers/remote-command.ts";
import { describeAgent, makeId } from "../../src/roles/identity.ts";
import type { StreamReader } from "../../src/wire/calls/stream-reader.ts";

const [directory = "", count = ""] = process.argv.slice(2);

for (let number = 1; number <= Number(count); number++) await listenAsGuest(number);
process.stdout.write("listening\n");
process.stdin.on("end", () => process.exit(0)).resume();

async function listenAsGuest(number: number): Promise<void> {
  const { promise: opened, resolve } = Promise.withResolvers<Peer>();
  const link = createLink({
    side: "listener",
    agent: describeAgent("guest"),
    makeId,
    onCall: (call) => call.fail(new NegotiatorError("UNSUPPORTED", "This guest answers no calls")),
    onState(state) {
      if (state === "open") resolve(createNativePeer(link.session, { explainNoAnswer }));
    },
  });
  await listenSocket(`${directory}/${number}.port`, {
    mode: 0o600,
    onChannel: (channel) => void link.run(channel).catch(() => undefined),
  });
  void opened.then(async (peer) => process.stdout.write(`${JSON.stringify(await call(peer, number))}\n`));
}

async function call(peer: Peer, number: number): Promise<unknown> {
  const args = [String(number), "0"];
  try {
    const remote = executeOn(peer, { command: "note", args, hasInput: false, timeoutMs: 0 });
    const [stdout, stderr, { exitCode }] = await Promise.all([
      readText(remote.stdout),
      readText(remote.stderr),
      remote.ended,
    ]);
    return { number, exitCode, stdout, stderr };
  } catch (thrown) {
    return { number, exitCode: 125, stdout: "", stderr: NegotiatorError.from(thrown).message };
  }
}

async function readText(reader: StreamReader): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of reader) pieces.push(piece);
  return Buffer.concat(pieces).toString();
}

function explainNoAnswer(): NegotiatorError {
  return new NegotiatorError("NO_CHANNEL", "The host does not answer");
}
