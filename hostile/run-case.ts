/** Runs one case: a host's daemon, a guest or a local user whose calls are measured, and the attackers. */
import { chmod } from "node:fs/promises";
import { join } from "node:path";
import { readPeak, readThreadTimes, resetPeak } from "../bench/process-figures.ts";
import type { ThreadTimes } from "../bench/process-figures.ts";
import { nameGuests, startSide, untilOpen } from "../bench/stage.ts";
import type { BenchSide } from "../bench/stage.ts";
import { createJoinedPort } from "../bench/joined-port.ts";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { NATIVE_PORTS } from "../src/peers/native.ts";
import type { Attack } from "./attack.ts";
import { ATTACKS, MIXED, MIXED_ATTACKS } from "./attacks.ts";
import { createGuestProbe, createRootProbe, measureCalls } from "./probe.ts";
import type { Call, Latency } from "./probe.ts";

const ATTACKERS = join(import.meta.dir, "programs/attackers.ts");
const GOOD = "good";
/** A guest on whose port no agent answers. */
const SILENT = "silent";
/** Programs that have just started need longer for a call. So many calls of root come before the attack. */
const FIRST_CALLS = 20;
/** The local user who attacks: `nobody`, or any other that is not root. */
const ATTACKING_UID = 65_534;

/**
 * The figures of one case. `peakMb`: the most memory of the host's daemon. `sentMb`: what guests that attack
 * have sent, or tried to send. `slowness`: how many times longer the daemon took than its processor time,
 * because other processes had the processors.
 */
export type Figures = Latency & {
  name: string;
  what: string;
  peakMb: number;
  sentMb: number;
  slowness: number;
};

/** The options of a case. `binary` is an absolute path. */
export type CaseOptions = { binary: string; seconds: number; attackers: number };

/** The cases without attackers: a guest calls, or a local user does. */
const [QUIET, QUIET_LOCAL] = ["quiet", "quiet-local"];

/** The name of the case without attackers whose calls are measured in the same way. */
export function yardstickOf(name: string): string {
  return ATTACKS[name]?.kind === "local" ? QUIET_LOCAL : QUIET;
}

const isQuiet = (name: string): boolean => name === QUIET || name === QUIET_LOCAL;

/** The names of all cases with attackers. */
export const CASE_NAMES: readonly string[] = [...Object.keys(ATTACKS), MIXED];

/** Measures a case, or the one without attackers. */
export async function runCase(name: string, options: CaseOptions): Promise<Figures> {
  const attack = isQuiet(name) ? undefined : ATTACKS[name];
  return attack?.kind === "local" || name === QUIET_LOCAL
    ? measureLocal(name, attack, options)
    : measureGuests(name, attack, options);
}

async function measureGuests(
  name: string,
  attack: Attack | undefined,
  { binary, seconds, attackers: count }: CaseOptions,
): Promise<Figures> {
  await using held = new AsyncDisposableStack();
  const { path: directory } = held.use(await createTemporaryDirectory());
  const names = Array.from({ length: isQuiet(name) ? 0 : count }, (_, index) =>
    name === MIXED ? (MIXED_ATTACKS[index % MIXED_ATTACKS.length] ?? "") : name,
  );
  const goodPath = `${directory}/good.calling`;
  const probe = held.use(await createGuestProbe(goodPath));
  const attackers = await startAttackers(held, ["guest", directory, ...names]);
  const policy = attack?.kind === "guest" ? attack.policy : undefined;
  const own = [
    nameGuests({ [GOOD]: goodPath }),
    ...names.map((_, index) => nameAttacker(directory, index)),
  ].join("");
  const host = held.use(await startHost({ binary, directory, own, policy }));
  await probe.call();
  return await measure({ name, attack, host, attackers, call: probe.call, seconds });
}

async function measureLocal(
  name: string,
  attack: Attack | undefined,
  { binary, seconds }: CaseOptions,
): Promise<Figures> {
  await using held = new AsyncDisposableStack();
  const { path: directory } = held.use(await createTemporaryDirectory());
  await chmod(directory, 0o711);
  const port = held.use(createJoinedPort(directory, "port"));
  const silent = held.use(createJoinedPort(directory, "silent"));
  const guest = await startSide("guest", {
    binary,
    directory,
    own: `characterDevice = "${port.guestPath}"`,
  });
  held.use(guest.daemon);
  const own = nameGuests({ [GOOD]: port.hostPath, [SILENT]: silent.hostPath });
  const host = held.use(await startHost({ binary, directory, own }));
  await untilOpen(host.control, GOOD);
  const call = createRootProbe(host.control, GOOD);
  for (let count = 0; count < FIRST_CALLS; count++) await call();
  const words = ["local", host.control, SILENT, name, String(ATTACKING_UID)];
  const attackers = attack === undefined ? { sentBytes: 0 } : await startAttackers(held, words);
  return await measure({ name, attack, host, attackers, call, seconds });
}

type Host = BenchSide & AsyncDisposable;

async function startHost(options: {
  binary: string;
  directory: string;
  own: string;
  policy?: string | undefined;
}): Promise<Host> {
  const { policy, ...side } = options;
  const host = await startSide("host", { ...side, ...(policy === undefined ? {} : { policy }) });
  return { ...host, [Symbol.asyncDispose]: () => host.daemon[Symbol.asyncDispose]() };
}

type Attackers = { readonly sentBytes: number };

async function measure(options: {
  name: string;
  attack: Attack | undefined;
  host: Host;
  attackers: Attackers;
  call: Call;
  seconds: number;
}): Promise<Figures> {
  const { name, attack, host, attackers, call, seconds } = options;
  const { pid } = host.daemon;
  await resetPeak(pid);
  const before = await readThreadTimes(pid);
  const latency = await measureCalls(call, seconds);
  const slowness = slownessOf(before, await readThreadTimes(pid));
  const peakMb = ((await readPeak(pid)) * 1024) / 1e6;
  const what = attack?.what ?? (isQuiet(name) ? "no attack" : "another attack by each attacker");
  return { name, what, ...latency, peakMb, sentMb: attackers.sentBytes / 1e6, slowness };
}

function slownessOf(before: ThreadTimes, after: ThreadTimes): number {
  const ranNs = after.ranNs - before.ranNs;
  return ranNs === 0 ? 1 : 1 + (after.waitedNs - before.waitedNs) / ranNs;
}

function nameAttacker(directory: string, index: number): string {
  const socket = (port: string): string => `${directory}/${index}.${port}`;
  return [
    `[[guests]]\nname = "evil-${index}"\nsocket = "${socket("calling")}"\n`,
    `[[guests]]\nname = "evil-${index}"\nsocket = "${socket("back")}"\n`,
    `port = "${NATIVE_PORTS.guestToHost}"\n`,
  ].join("");
}

/** Resolves when the attackers have begun. */
async function startAttackers(held: AsyncDisposableStack, words: readonly string[]): Promise<Attackers> {
  const child = Bun.spawn([process.execPath, ATTACKERS, ...words], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
    // Linux shares the processors between sessions, and another user has a session too.
    detached: true,
  });
  held.defer(async () => {
    child.kill("SIGKILL");
    await child.exited;
  });
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
  const attackers = { sentBytes: 0 };
  const follow = async (): Promise<void> => {
    for await (const bytes of child.stdout) {
      const text = Buffer.from(bytes).toString();
      if (text.includes("ready")) resolve();
      const [, sent] = /.*sent (\d+)\n/s.exec(text) ?? [];
      if (sent !== undefined) attackers.sentBytes = Number(sent);
    }
    reject(new Error("The attackers ended"));
  };
  void follow();
  await begun;
  return attackers;
}
