/** The links of a guest with several ports: its session, and the calls that share one limit. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Endpoint } from "../../../src/discovery/endpoint.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { DEFAULT_LIMITS } from "../../../src/limits.ts";
import { createUserCache } from "../../../src/process/user-cache.ts";
import { createAnswerMemory } from "../../../src/peers/answer-memory.ts";
import { configureLog } from "../../../src/log.ts";
import { createDialectTable } from "../../../src/peers/dialect-table.ts";
import { executeOn } from "../../../src/peers/remote-command.ts";
import { createGuestEndpoints } from "../../../src/roles/host/guest-endpoints.ts";
import { createGuestLinks } from "../../../src/roles/host/guest-links.ts";
import { MADE_UP } from "../../peers/made-up/made-up.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createHostGuests, NO_CHANGES, untilOpen } from "../../support/host-guests.ts";
import { createSocketRelay } from "../../support/socket-relay.ts";
import { createStage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

beforeAll(() => configureLog({ level: "silent", format: "text" }));
afterAll(() => configureLog({ level: "info", format: "text" }));

test("a session moves to the shared port when its better port is gone, and back again", async () => {
  await using stage = await createStage({ withoutDaemons: true });
  const guest = stage.guest();
  await guest.command("cat", "#!/bin/sh\nexec cat\n");
  await guest.start();
  const both = stage.at("both.sock");
  await using relay = await createSocketRelay(both, guest.port.hostPath);
  await using guests = createHostGuests(stage);
  const source = { guest: "web1", source: "libvirt" } as const;
  const pair: Endpoint = { ...source, port: "negotiator-host-to-guest.0", path: guest.port.hostPath };
  const bothWays: Endpoint = { ...source, port: "negotiator-channel.0", path: both };
  guests.update({ ...NO_CHANGES, appeared: [bothWays, pair] });
  await untilOpen(guests);
  const peer = await guests.peer("web1", 5000);
  const remote = executeOn(peer, { command: "cat", args: [], hasInput: true, timeoutMs: 0 });
  const output = remote.stdout[Symbol.asyncIterator]();
  const echo = async (word: string): Promise<void> => {
    await remote.stdin?.write(Buffer.from(word));
    expect(Buffer.from((await output.next()).value ?? []).toString()).toBe(word);
  };

  await echo("over the pair");
  expect(relay.cut()).toBe(0);
  guests.update({ ...NO_CHANGES, gone: [pair] });
  await echo("over the other one");
  expect(relay.cut()).toBe(1);
  guests.update({ ...NO_CHANGES, appeared: [pair] });
  await echo("over the pair again");
  guests.update({ ...NO_CHANGES, gone: [bothWays] });
  await echo("over the pair still");
  expect(relay.cut()).toBe(0);
  remote.stdin?.end();
  expect(await remote.ended).toMatchObject({ exitCode: 0 });

  guests.update({ ...NO_CHANGES, gone: [pair] });
  expect(guests.status()).toEqual([]);
}, 180_000);

test("a guest's calls over two ports share one limit of open calls", async () => {
  await using stage = await createStage({ settings: "limits.openCalls = 1" });
  await stage.host.command("cat", "#!/bin/sh\nexec cat\n");
  const guest = stage.guest();
  await using first = guest.launch(["execute", "-t", "0", "cat"], { isOpen: true });
  await until("the call runs", async () => (await stage.open()).calls.incoming === 1);
  const over = ["execute", "-c", guest.back.guestPath, "cat"];
  const second = await guest.run(over, { stdin: "in" });
  expect(second.stderr).toContain("Cannot take the call: the limit of 1 open calls is reached");
  expect(second.exitCode).toBe(125);
  first.endInput();
  expect(await first.ended()).toMatchObject({ exitCode: 0 });
  await until("the call has ended", async () => (await stage.open()).calls.incoming === 0);
  expect(await guest.run(over, { stdin: "in" })).toMatchObject({ exitCode: 0, stdout: "in" });
}, 180_000);

test("the status counts a guest's calls over two ports", async () => {
  await using stage = await createStage();
  await stage.host.command("cat", "#!/bin/sh\nexec cat\n");
  const guest = stage.guest();
  await using first = guest.launch(["execute", "-t", "0", "cat"], { isOpen: true });
  await using second = guest.launch(["execute", "-t", "0", "-c", guest.back.guestPath, "cat"], {
    isOpen: true,
  });
  await until("both calls run", async () => (await stage.open()).calls.incoming === 2);
  first.endInput();
  second.endInput();
  await until("both have ended", async () => (await stage.open()).calls.incoming === 0);
}, 180_000);

const toGuestAt = (path: string): Endpoint => ({
  guest: "web1",
  source: "libvirt",
  port: "made-up.to-guest",
  path,
});

test("a call in a foreign dialect dials the socket that the guest has now", async () => {
  const dialects = createDialectTable([MADE_UP]);
  const endpoints = createGuestEndpoints(dialects);
  const links = createGuestLinks({
    endpoints,
    services: {
      limits: DEFAULT_LIMITS,
      offersRaw: true,
      answerMemory: createAnswerMemory(0),
      users: createUserCache(),
    },
    dialects,
    bytes: { in: 0, out: 0 },
    onExceeded: () => undefined,
    serve: { call: () => undefined, notice: () => undefined },
    explainNoAnswer: () => new NegotiatorError("NO_CHANNEL", "no answer"),
    onRefused: () => undefined,
    onState: () => undefined,
  });
  const call = async (): Promise<string> => {
    const request = { command: "x", args: [], hasInput: false, timeoutMs: 20_000 };
    return (await rejectionOf(executeOn(links.foreignPeer(MADE_UP), request).ended)).message;
  };
  endpoints.add(toGuestAt("/nonexistent/first.sock"));
  expect(await call()).toContain("/nonexistent/first.sock");
  endpoints.add(toGuestAt("/nonexistent/second.sock"));
  expect(await call()).toContain("/nonexistent/second.sock");
  endpoints.remove("made-up.to-guest");
  expect(await call()).toBe("no answer");
  expect(links.foreignPeer(MADE_UP)).toBe(links.foreignPeer(MADE_UP));
  links.close("done");
  expect(await call()).toBe("The call was ended: done");
});
