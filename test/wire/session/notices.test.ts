/** Notices when their session is cut, resumed, lost or ended. */
import { describe, expect, test } from "bun:test";
import type { FaultCode } from "../../../src/errors.ts";
import { errorOf } from "../../support/error-of.ts";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";
import type { ScriptedPeer } from "./scripted-peer.ts";
import { createLink } from "./session-link.ts";
import type { SessionLink } from "./session-link.ts";

const methodsOf = ({ notices }: SessionLink): string[] => notices.map(({ method }) => method);
const codeOf = (peer: ScriptedPeer): FaultCode => errorOf(() => peer.session.notify("late")).code;

describe("notify", () => {
  test("notify after close throws CLOSED", () => {
    const peer = createOpenDialler();
    peer.session.close("stop");
    expect(codeOf(peer)).toBe("CLOSED");
  });

  test("notify in a foreign session throws CLOSED", () => {
    const peer = createOpenDialler();
    peer.session.yieldTo("python-negotiator");
    expect([peer.session.state, codeOf(peer)]).toEqual(["foreign", "CLOSED"]);
  });

  test("notify after the peer's goodbye waits for the next session", async () => {
    const link = await createLink();
    link.guest.close("restart");
    await link.flow();
    link.host.notify("next");
    link.restart("guest");
    await link.flow();
    expect([methodsOf(link), link.lostNotices.host]).toEqual([["next"], []]);
  });

  test("notify throws BUSY when 4096 messages wait", () => {
    const peer = createOpenListener();
    for (let count = 0; count < 4096; count++) peer.session.notify("many");
    expect(codeOf(peer)).toBe("BUSY");
  });
});

describe("notices of a resumed session", () => {
  test("a notice that waits during a cut arrives once when the session resumes", async () => {
    const link = await createLink();
    link.host.detach();
    link.host.notify("waiting");
    link.redial();
    await link.flow();
    expect([methodsOf(link), link.lostNotices.host]).toEqual([["waiting"], []]);
  });

  test("a sent notice that a cut swallowed arrives once when the session resumes", async () => {
    const link = await createLink();
    link.host.notify("swallowed");
    link.host.next();
    link.redial();
    await link.flow();
    expect([methodsOf(link), link.lostNotices.host]).toEqual([["swallowed"], []]);
  });

  test("a notice whose acknowledgement a cut swallowed arrives only once", async () => {
    const link = await createLink();
    link.host.notify("arrived");
    await link.flow();
    link.redial();
    await link.flow();
    expect([methodsOf(link), link.lostNotices.host]).toEqual([["arrived"], []]);
  });
});

describe("notices of a lost session", () => {
  test.each(["host", "guest"] as const)(
    "a lost session reports the %s's unacknowledged notices, and the next one sends its waiting ones",
    async (side) => {
      const link = await createLink();
      for (const method of ["sent-1", "sent-2"]) link[side].notify(method);
      await link.flow();
      link[side].notify("waiting-1");
      link[side].call({ method: "m" }).answer.catch(() => {});
      link[side].notify("waiting-2");
      link.restart(side === "host" ? "guest" : "host");
      await link.flow();
      expect(methodsOf(link)).toEqual(["sent-1", "sent-2", "waiting-1", "waiting-2"]);
      expect(link.lostNotices[side]).toEqual([2]);
    },
  );

  test("a lost session does not report a notice that was acknowledged", async () => {
    const link = await createLink();
    link.host.notify("sent");
    await link.flow();
    link.tick(1000);
    await link.flow();
    link.restart("guest");
    await link.flow();
    expect(link.lostNotices.host).toEqual([]);
  });

  test("a waiting notice that is longer than a line of the next peer is removed and reported", () => {
    const lost: number[] = [];
    const peer = createOpenListener({ onNoticesLost: (count) => lost.push(count) });
    peer.session.detach();
    peer.session.notify("long", "x".repeat(200_000));
    peer.session.notify("short");
    const sent = peer.greet({ limits: { lineBytes: 128 * 1024, noticeBytes: 256 * 1024 } });
    expect(sent.map(({ method }) => method)).toEqual([undefined, "short"]);
    expect(lost).toEqual([1]);
  });
});

describe("notices of an ended session", () => {
  const ends: [name: string, end: (peer: ScriptedPeer) => void][] = [
    ["close", (peer) => peer.session.close("stop")],
    ["the peer's goodbye", (peer) => peer.say({ method: "session.goodbye" })],
    ["another dialect", (peer) => peer.session.yieldTo("python-negotiator")],
    [
      "a refused hello",
      (peer) => {
        peer.session.dial();
        peer.say({ id: peer.drain()[0]?.["id"], error: { code: -32014, message: "no" } });
      },
    ],
  ];

  test.each(ends)("a session that ends by %s reports all sent and waiting notices as lost", (_, end) => {
    const lost: number[] = [];
    const peer = createOpenDialler({ onNoticesLost: (count) => lost.push(count) });
    for (const method of ["sent-1", "sent-2"]) peer.session.notify(method);
    peer.drain();
    peer.session.notify("waiting");
    end(peer);
    expect(lost).toEqual([3]);
  });

  test("a listener that ends its session after a peer timeout reports its notices as lost", () => {
    const lost: number[] = [];
    const peer = createOpenListener({ onNoticesLost: (count) => lost.push(count) });
    peer.session.notify("waiting");
    for (let second = 0; second < 120; second++) peer.tick(1000);
    expect([peer.session.state, lost]).toEqual(["idle", [1]]);
  });

  test("notify inside onNoticesLost throws CLOSED after close", () => {
    const codes: FaultCode[] = [];
    const peer: ScriptedPeer = createOpenDialler({ onNoticesLost: () => codes.push(codeOf(peer)) });
    peer.session.notify("waiting");
    peer.session.close("stop");
    expect(codes).toEqual(["CLOSED"]);
  });

  test("a session that ends without notices reports no loss", () => {
    const lost: number[] = [];
    const peer = createOpenDialler({ onNoticesLost: (count) => lost.push(count) });
    peer.session.close("stop");
    expect(lost).toEqual([]);
  });
});
