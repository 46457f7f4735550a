/** The case of very many guests that start at once. */
import { join } from "node:path";
import { nameGuests } from "../../bench/stage.ts";
import type { CallEnd } from "../call.ts";
import { endsNone } from "../case.ts";
import type { OwnCase } from "../case.ts";
import { judge } from "../judge.ts";
import { collectLines } from "../lines.ts";
import { createSide } from "../stage.ts";

const PROGRAM = join(import.meta.dir, "../programs/guests.ts");
const GUESTS = 1000;
/** A call that is not answered so long after the host's start is endless. */
const ENDLESS_MS = 120_000;

/** The guests wait for their host, and all call it as soon as its sessions are open. */
export const GUEST_CASES: Readonly<Record<string, OwnCase>> = {
  "many-guests": {
    kind: "own",
    what: `${GUESTS} guests start at once, and each calls its host`,
    async run(options) {
      const { directory } = options;
      await using held = new AsyncDisposableStack();
      const child = Bun.spawn([process.execPath, PROGRAM, directory, String(GUESTS)], {
        stdin: "pipe",
        stdout: "pipe",
        stderr: "inherit",
      });
      held.defer(async () => {
        child.kill("SIGKILL");
        await child.exited;
      });
      const lines = collectLines(child.stdout);
      await lines.next();
      const numbers = Array.from({ length: GUESTS }, (_, index) => index + 1);
      const sockets = numbers.map((number) => [`guest-${number}`, `${directory}/${number}.port`] as const);
      const host = held.use(await createSide("host", nameGuests(Object.fromEntries(sockets)), options));
      await host.start();
      const startedMs = performance.now();
      const late = setTimeout(() => child.kill("SIGKILL"), ENDLESS_MS);
      const ends = new Map<number, CallEnd["ended"]>();
      for await (const line of lines) {
        const { number, ...end } = JSON.parse(line);
        ends.set(number, { ...end, atMs: performance.now() });
        if (ends.size === GUESTS) break;
      }
      clearTimeout(late);
      const recoveryMs = performance.now() - startedMs;
      const calls = numbers.map((number): CallEnd => ({
        number,
        kind: "note",
        from: "guest",
        wasInFlight: true,
        ended: ends.get(number),
      }));
      return {
        ...judge({ calls, ledger: await host.ledger(), streamBytes: 0, mayEnd: endsNone }),
        recoveryMs,
      };
    },
  },
};
