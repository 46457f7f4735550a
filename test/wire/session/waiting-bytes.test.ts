/** Bytes of the peer that wait for their turn on this side: the peer is not silent, and its frame goes on. */
import { expect, test } from "bun:test";
import { createOpenDialler, createOpenListener } from "./scripted-peer.ts";

const REQUEST = `{"jsonrpc":"2.0","seq":1,"id":"first-call-of-a-test-0001","method":"m"}\n`;

test("a begun frame is completed after ten seconds in which the rest of it waited for its turn", () => {
  const peer = createOpenListener();
  peer.send(REQUEST.slice(0, 20));
  for (let second = 1; second <= 10; second++) peer.session.tick(second * 1000, true);
  peer.send(REQUEST.slice(20));
  expect([peer.session.state, peer.calls.length]).toEqual(["open", 1]);
});

test("a begun frame is given up after two seconds in which nothing of it came", () => {
  const peer = createOpenListener();
  peer.send(REQUEST.slice(0, 20));
  for (let second = 1; second <= 3; second++) peer.session.tick(second * 1000);
  peer.send(REQUEST.slice(20));
  expect([peer.session.state, peer.calls.length]).toEqual(["cut", 0]);
});

test("a dialler holds nothing back from a peer whose bytes wait for their turn", () => {
  const peer = createOpenDialler();
  for (let second = 1; second <= 200; second++) peer.session.tick(second * 1000, true);
  peer.session.call({ method: "m" });
  expect(peer.session.isResponsive).toBe(true);
  expect(new TextDecoder().decode(peer.session.next())).toContain('"method":"m"');
});
