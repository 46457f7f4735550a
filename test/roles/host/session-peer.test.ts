/** The wait of a new call for its guest's session. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { Peer } from "../../../src/peers/peer.ts";
import { waitForSession } from "../../../src/roles/host/session-peer.ts";
import type { SessionPeerOptions } from "../../../src/roles/host/session-peer.ts";
import { rejectionOf } from "../../support/error-of.ts";

type State = SessionPeerOptions["session"]["session"]["state"];

const PEER: Peer = {
  can: { methods: undefined, notices: true, messages: true },
  call: () => {
    throw new Error("not called here");
  },
  notify: () => undefined,
};

type Facts = { state?: State; isDialled?: boolean; isAdmitted?: boolean };

/** A session in this state. `steps` has what the call asked for, in order. */
function createTrial({ state = "dialling", isDialled = true, isAdmitted = true }: Facts = {}) {
  const steps: string[] = [];
  const options: SessionPeerOptions = {
    session: {
      session: { state },
      hurry: () => void steps.push("hurry"),
      peer: async (timeoutMs) => {
        steps.push(`peer ${timeoutMs > 0 ? "limited" : "unlimited"}`);
        return PEER;
      },
    },
    reach: {
      dialNow: async () => {
        steps.push("dial");
        return isDialled;
      },
    },
    hindrance: {
      admit: async (_timeoutMs, _signal, isPatient) => {
        steps.push(isPatient === true ? "admit patiently" : "admit");
        return isAdmitted;
      },
    },
    explain: () => new NegotiatorError("NO_CHANNEL", "silent"),
  };
  return { options, steps };
}

test.each(["open", "foreign"] as const)("a session that is %s is not dialled for a call", async (state) => {
  const { options, steps } = createTrial({ state, isDialled: false });
  expect(await waitForSession(options, 1000)).toBe(PEER);
  expect(steps).toEqual(["admit", "peer limited"]);
});

test("a session that is not open is hurried and dialled first, then libvirt is asked", async () => {
  const { options, steps } = createTrial();
  expect(await waitForSession(options, 0)).toBe(PEER);
  expect(steps).toEqual(["hurry", "dial", "admit", "peer unlimited"]);
});

test("a guest that cannot be dialled refuses a call at once, but not a patient one", async () => {
  const { options, steps } = createTrial({ isDialled: false });
  expect((await rejectionOf(waitForSession(options, 1000))).message).toBe("silent");
  expect(steps).toEqual(["hurry", "dial"]);
  expect(await waitForSession(options, 1000, undefined, true)).toBe(PEER);
  expect(steps.slice(2)).toEqual(["hurry", "dial", "admit patiently", "peer limited"]);
});

test("a guest that libvirt says cannot answer refuses a call, and its session is not asked", async () => {
  const { options, steps } = createTrial({ state: "open", isAdmitted: false });
  expect((await rejectionOf(waitForSession(options, 1000))).message).toBe("silent");
  expect(steps).toEqual(["admit"]);
});
