/** The dialling of one channel again and again: the report of each end, and how soon the next dial is. */
import { expect, jest, test } from "bun:test";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import type { LinkEnd } from "../../../src/peers/link.ts";
import type { AttemptResult, SuperviseOptions } from "../../../src/peers/supervise.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import { redial } from "../../../src/roles/host/redial.ts";
import type { Redialling } from "../../../src/roles/host/redial.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { useFakeTimers } from "../../support/fake-timers.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const PORT = "negotiator-host-to-guest.0";
const at = (path: string): Endpoint => ({ guest: "web1", source: "flag", port: PORT, path });
const GONE = new NegotiatorError("NO_CHANNEL", "gone");

type Run = (channel: Channel, signal: AbortSignal) => Promise<LinkEnd | undefined>;

/**
 * A redial whose attempts the test makes. `steps` has what it reports, in order. `attempt` runs the link over
 * an adopted channel, unless a path is given.
 */
function createTrial({
  openedMs,
  withoutReach = false,
}: { openedMs?: () => number; withoutReach?: boolean } = {}) {
  const steps: string[] = [];
  const stop = new AbortController();
  const adopted = new Map<string, Channel>();
  const bytes = { in: 0, out: 0 };
  let path = "/nonexistent";
  let run: Run | undefined;
  let given: SuperviseOptions | undefined;
  const options: Redialling = {
    endpoint: () => at(path),
    users: createUserCache(),
    bytes,
    link: {
      calls: { outgoing: 0, incoming: 0 },
      close: () => undefined,
      run: (channel, signal) => run?.(channel, signal) ?? Promise.resolve(undefined),
    },
    signal: stop.signal,
    onError: ({ message }) => steps.push(`error ${message}`),
    onUnreachable: ({ message }) => steps.push(`unreachable ${message}`),
    onReached: () => steps.push("reached"),
    ...(!withoutReach && {
      reach: {
        failed: ({ message }) => steps.push(`failed ${message}`),
        silent: () => steps.push("silent"),
        clear: () => steps.push("clear"),
        paused: (end) => {
          steps.push("paused");
          end();
        },
      },
    }),
    adopted,
    ...(openedMs !== undefined && { openedMs }),
    repeat(repeated) {
      given = repeated;
      return Promise.resolve();
    },
  };
  void redial(options);
  if (given === undefined) throw new Error("Nothing is repeated");
  const { attempt: attemptOnce, onFailure, onPause } = given;
  const attempt = (next: Run, dialled?: string): Promise<AttemptResult> => {
    run = next;
    if (dialled === undefined) adopted.set(PORT, createMemoryPair().ends[0]);
    else path = dialled;
    return attemptOnce(stop.signal);
  };
  return {
    steps,
    stop,
    adopted,
    bytes,
    onFailure,
    onPause,
    attempt,
  };
}

/** A run that ends so, after `ms` milliseconds of the fake clock if there is one. */
function ends(end: LinkEnd | undefined, ms = 0): Run {
  return async () => {
    if (ms > 0) jest.advanceTimersByTime(ms);
    return end;
  };
}

test("a failed dial is reported to the reach first, and a pause can be ended by it", () => {
  const { steps, onFailure, onPause } = createTrial();
  onFailure(GONE);
  let isEnded = false;
  onPause?.(() => (isEnded = true));
  expect({ steps, isEnded }).toEqual({ steps: ["failed gone", "unreachable gone", "paused"], isEnded: true });
});

test("a channel without a reach reports its own failures", () => {
  const { steps, onFailure, onPause } = createTrial({ withoutReach: true });
  onFailure(GONE);
  onPause?.(() => undefined);
  expect(steps).toEqual(["unreachable gone"]);
});

/** Answers the first bytes with themselves, twice, and closes the channel. */
async function answerTwice(channel: Channel): Promise<void> {
  for await (const bytes of channel) {
    await channel.write(new Uint8Array([...bytes, ...bytes]));
    break;
  }
  await channel.close();
}

test("a socket is dialled where the endpoint is now, and its bytes are counted", async () => {
  await using directory = await createTemporaryDirectory();
  await using _ = await listenSocket(directory.at("sock"), {
    mode: 0o600,
    onChannel: (channel) => void answerTwice(channel),
  });
  const { attempt, steps, bytes } = createTrial();
  await attempt(async (channel) => {
    await channel.write(Uint8Array.of(1, 2, 3));
    for await (const piece of channel) void piece;
    return undefined;
  }, directory.at("sock"));
  expect(steps).toEqual(["clear", "reached"]);
  expect(bytes).toEqual({ in: 6, out: 3 });
});

test("a socket that is missing fails the attempt, and nothing is reached", async () => {
  const { attempt, steps } = createTrial();
  const { code } = await rejectionOf(attempt(ends(undefined), "/nonexistent/sock"));
  expect({ code, steps }).toEqual({ code: "NO_CHANNEL", steps: [] });
});

test("a dial is given up when the signal aborts", async () => {
  const { attempt, stop } = createTrial();
  stop.abort();
  expect((await rejectionOf(attempt(ends(undefined), "/nonexistent/sock"))).code).toBe("CANCELLED");
});

test("an adopted channel is taken once, and the link gets the signal", async () => {
  const { attempt, adopted, stop, steps } = createTrial();
  let given: AbortSignal | undefined;
  await attempt((_channel, signal) => {
    given = signal;
    return Promise.resolve(undefined);
  });
  expect(adopted.size).toBe(0);
  expect(given).toBe(stop.signal);
  expect(steps).toEqual(["clear", "reached"]);
});

test.each<[string, LinkEnd | undefined, string[]]>([
  ["that tells nothing", undefined, []],
  ["without a reason", { state: "cut" }, []],
  ["with a reason", { state: "cut", reason: GONE }, ["error gone"]],
  ["of a foreign peer", { state: "foreign", reason: GONE }, []],
  ["before an answer", { state: "dialling" }, ["silent"]],
  ["before an answer, with a reason", { state: "dialling", reason: GONE }, ["error gone", "silent"]],
])("an end %s is reported", async (_, end, reported) => {
  const { attempt, steps } = createTrial();
  await attempt(ends(end));
  expect(steps).toEqual(["clear", "reached", ...reported]);
});

test("a link that fails is reported as one that ends", async () => {
  const { attempt, steps } = createTrial();
  await attempt(() => Promise.reject(new Error("broken")));
  expect(steps).toEqual(["clear", "reached", "error broken"]);
});

test("an end after the signal has aborted is not reported", async () => {
  const { attempt, steps, stop } = createTrial();
  await attempt(async () => {
    stop.abort();
    return { state: "dialling", reason: GONE };
  });
  expect(steps).toEqual(["clear", "reached"]);
});

test.each<[AttemptResult, string, LinkEnd, number]>([
  ["soon", "was short and silent", { state: "dialling" }, 5000],
  ["good", "was long and silent", { state: "dialling" }, 5001],
  ["rarely", "was cut by the guest", { state: "cut" }, 60_000],
])("the next dial comes %s after one that %s", async (result, _what, end, ms) => {
  using _ = useFakeTimers();
  // A session that never opened was last open at 0.
  jest.advanceTimersByTime(1);
  expect(await createTrial().attempt(ends(end, ms))).toBe(result);
});

/** A trial whose session opens at once in each attempt, and the results of attempts with these lengths. */
async function resultsOf(lengthsMs: readonly number[], state: LinkEnd["state"] = "cut"): Promise<string[]> {
  using _ = useFakeTimers();
  let openedMs = -1;
  const { attempt } = createTrial({ openedMs: () => openedMs });
  const results: string[] = [];
  for (const ms of lengthsMs) {
    const run: Run = async () => {
      openedMs = performance.now();
      jest.advanceTimersByTime(ms);
      return { state };
    };
    results.push(await attempt(run));
  }
  return results;
}

const GOOD_EIGHT = Array.from({ length: 8 }, () => "good");
const SHORT_EIGHT = Array.from({ length: 8 }, () => 999);

test("a session that was open is dialled at once, unless its guest cuts nine in a row", async () => {
  expect(await resultsOf([...SHORT_EIGHT, 999, 999])).toEqual([...GOOD_EIGHT, "rarely", "rarely"]);
});

test("a session of a second, and any other end, begins another row", async () => {
  const results = await resultsOf([...SHORT_EIGHT, 1000, ...SHORT_EIGHT, 999]);
  expect(results).toEqual([...GOOD_EIGHT, "good", ...GOOD_EIGHT, "rarely"]);
  expect(await resultsOf([...SHORT_EIGHT, 999, 999], "open")).toEqual([...GOOD_EIGHT, "good", "good"]);
});

test("a session that was open before the attempt does not count", async () => {
  using _ = useFakeTimers();
  const openedMs = performance.now();
  jest.advanceTimersByTime(1);
  const { attempt } = createTrial({ openedMs: () => openedMs });
  expect(await attempt(ends({ state: "open" }))).toBe("soon");
});
