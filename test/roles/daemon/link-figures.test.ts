/** The figures of a link, and the pings for them. */
import { expect, test } from "bun:test";
import {
  createFigureCounter,
  measureRoundTrips,
  NO_FIGURES,
} from "../../../src/roles/daemon/link-figures.ts";
import type { Session } from "../../../src/wire/session/session.ts";

const NONE_RUNS = { outgoing: 0, incoming: 0 };
const timed = (roundTripMs?: number): Pick<Session, "timing"> => ({ timing: { roundTripMs } });

test("a guest that does not run has no round trip, no bytes and no calls", () => {
  expect(NO_FIGURES).toEqual({
    roundTripMs: null,
    bytes: { in: 0, out: 0 },
    callsDone: { outgoing: 0, incoming: 0 },
  });
});

test("calls that have begun and do not run any longer are done, in each direction", () => {
  const counter = createFigureCounter();
  Object.assign(counter.calls.begun, { outgoing: 7, incoming: 5 });
  const { callsDone } = counter.figures(timed(), { outgoing: 3, incoming: 1 });
  expect(callsDone).toEqual({ outgoing: 4, incoming: 4 });
});

test("calls that run, but began before the counter, do not make the count negative", () => {
  const { callsDone } = createFigureCounter().figures(timed(), { outgoing: 1, incoming: 2 });
  expect(callsDone).toEqual({ outgoing: 0, incoming: 0 });
});

test("the round trip is rounded to a hundredth of a millisecond, and null without a ping", () => {
  const counter = createFigureCounter();
  expect(counter.figures(timed(1.23456), NONE_RUNS).roundTripMs).toBe(1.23);
  expect(counter.figures(timed(0), NONE_RUNS).roundTripMs).toBe(0);
  expect(counter.figures(timed(), NONE_RUNS).roundTripMs).toBeNull();
});

test("figures that were taken do not change with later bytes", () => {
  const counter = createFigureCounter();
  counter.bytes.in = 3;
  const { bytes } = counter.figures(timed(), NONE_RUNS);
  counter.bytes.in = 4;
  expect(bytes).toEqual({ in: 3, out: 0 });
});

type Asked = { session: Pick<Session, "state" | "ask" | "heardMs">; asked: number; looks: number };

/** A session that has answered a ping at the look with this number. */
function createAsked(state: Session["state"], answersAt: number, closesAt = Infinity): Asked {
  const asked: Asked = {
    asked: 0,
    looks: 0,
    session: {
      get state() {
        return asked.looks >= closesAt ? "ended" : state;
      },
      get heardMs() {
        asked.looks++;
        return asked.looks >= answersAt ? askedMs : 0;
      },
      ask(nowMs: number) {
        asked.asked++;
        askedMs = nowMs;
      },
    },
  };
  let askedMs = 0;
  return asked;
}

test("only open sessions are pinged, each once, and a measurement without one ends at once", async () => {
  const all = [createAsked("open", 1), createAsked("ended", 1), createAsked("open", 1)];
  await measureRoundTrips(all.map(({ session }) => session));
  expect(all.map(({ asked }) => asked)).toEqual([1, 0, 1]);
  await measureRoundTrips([]);
});

test("a measurement ends at the look at which the last session has answered or is closed", async () => {
  const [quick, late, closed] = [
    createAsked("open", 1),
    createAsked("open", 2),
    createAsked("open", Infinity, 1),
  ] as const;
  await measureRoundTrips([quick.session]);
  expect(quick.looks).toBe(1);
  await measureRoundTrips([late.session]);
  expect(late.looks).toBe(2);
  await measureRoundTrips([closed.session]);
  expect(closed.looks).toBe(2);
});
