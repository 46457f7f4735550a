/** Trials of answers: the host calls a guest, which answers in the protocol of python-negotiator. */
import { createServer } from "node:net";
import type { Socket } from "node:net";
import { once } from "node:events";
import { NATIVE_PORTS } from "../../src/peers/native.ts";
import { drained } from "../drained.ts";
import { listenAsOldGuest } from "../old-guest.ts";
import { startTrialDaemon } from "../trial-host.ts";
import type { Trial, TrialEnd, TrialStage } from "../trial.ts";

const GUESTS = 4;
const ATTACK_MS = 8000;
const LONGEST_MS = 2000;
const ALLOWED_MS = 60_000;
const MEMBERS = Array.from({ length: 20_000 }, (_, at) => `"m${at}":1,`).join("");
const OBJECTS = '{"a":1}\n'.repeat(32_000);

/** The trials by name. */
export const ANSWER_TRIALS = {
  "endless-members": {
    what: "four guests that the host calls answer with an object of more and more members",
    success: "another guest waits longer than two seconds for its answer",
    run: (stage) => answerEndlessly(stage, { first: "{", more: MEMBERS, isAnswer: true }),
  },
  "endless-objects": {
    what: "four guests that the host calls send other objects without end before their answer",
    success: "another guest waits longer than two seconds for its answer",
    run: (stage) => answerEndlessly(stage, { first: "", more: OBJECTS, isAnswer: false }),
  },
} as const satisfies Record<string, Trial>;

/** `isAnswer`: the agent first says that it has understood the call. */
type Endless = { first: string; more: string; isAnswer: boolean };

async function answerEndlessly(stage: TrialStage, endless: Endless): Promise<TrialEnd> {
  const { directory, held, binary } = stage;
  const good = held.use(await listenAsOldGuest(`${directory}/good.back`));
  const names = Array.from({ length: GUESTS }, (_, index) => `evil-${index}`);
  for (const name of names) await listenAsEvil(stage, `${directory}/${name}.sock`, endless);
  const tables = [
    `[[guests]]\nname = "good"\nport = "${NATIVE_PORTS.guestToHost}"\nsocket = "${directory}/good.back"\n`,
    ...names.map((name) => `[[guests]]\nname = "${name}"\nsocket = "${directory}/${name}.sock"\n`),
  ];
  const own = `libvirt = "no"\nqemu = "no"\n${tables.join("")}`;
  const { environment } = await startTrialDaemon(stage, { own });
  await good.call("list_commands");
  const end = new AbortController();
  const calls = names.map(async (name) => {
    while (!end.signal.aborted) {
      const call = Bun.spawn([binary, "host", "execute", name, "any"], {
        env: environment,
        stdio: ["ignore", "ignore", "ignore"],
        signal: end.signal,
        killSignal: "SIGKILL",
      });
      await call.exited;
    }
  });
  held.defer(async () => {
    end.abort();
    await Promise.all(calls);
  });
  let longestMs = 0;
  for (const endMs = performance.now() + ATTACK_MS; performance.now() < endMs;) {
    const startMs = performance.now();
    await Promise.race([good.call("list_commands"), Bun.sleep(ALLOWED_MS)]);
    longestMs = Math.max(longestMs, performance.now() - startMs);
    await Bun.sleep(20);
  }
  const figures = `another guest waited ${longestMs.toFixed(0)} ms at most`;
  return { hasSucceeded: longestMs > LONGEST_MS, figures };
}

/** Refuses each hello as an old agent does. */
async function listenAsEvil({ held }: TrialStage, path: string, endless: Endless): Promise<void> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let text = "";
    socket.on("error", () => socket.destroy());
    socket.on("data", (bytes: Buffer) => {
      text += bytes.toString("latin1");
      const [, method] = /"method": ?"(negotiate:[^"]+)"/.exec(text) ?? [];
      const isProbe = text.includes('"isProbe"');
      if (method !== undefined) text = text.slice(text.indexOf(method) + method.length);
      if (endless.isAnswer ? text.includes('"execute"') : isProbe) void flood(socket, endless);
      else if (method !== undefined) {
        const body = JSON.stringify({ success: false, error: `Method ${method} not supported` });
        socket.write(`${body.length}\n${body}`);
      }
    });
  });
  server.listen(path);
  await once(server, "listening");
  held.defer(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
}

async function flood(socket: Socket, { first, more }: Endless): Promise<void> {
  socket.removeAllListeners("data").resume();
  socket.write(`99999999\n${first}`);
  while (!socket.destroyed) {
    if (socket.write(more)) await new Promise(setImmediate);
    else await drained(socket);
  }
}
