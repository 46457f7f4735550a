/** The errors for a guest that does not answer: the reason that is known best comes first. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { AGENT_PORT } from "../../../src/peers/qga/port.ts";
import { explainNoAnswer, explainStoppedAgent, noCallingPort } from "../../../src/roles/host/no-answer.ts";

const AGENT = { name: "negotiator", version: "1.0.0", role: "guest" };
const ANSWERED = { peer: AGENT, farewell: undefined };
const NEW = { peer: undefined, farewell: undefined };
const REFUSED = new NegotiatorError("NO_CHANNEL", "Cannot connect: refused");

function explain(
  ...facts: Parameters<typeof explainNoAnswer> extends [string, ...infer Rest] ? Rest : never
) {
  const { code, message } = explainNoAnswer("web 1", ...facts);
  expect(code).toBe("NO_CHANNEL");
  return message.replace('Guest "web 1" does not answer: ', "");
}

test("a guest that libvirt saved is started, and one saved to a file is restored from it", () => {
  const saved = { path: "/p", state: "saved", connect: "qemu:///system" } as const;
  expect(explain(NEW, saved, REFUSED)).toBe(
    "it is saved\nBring it back: virsh --connect qemu:///system restore FILE, with the file of virsh save",
  );
  expect(explain(ANSWERED, { ...saved, isManaged: true })).toBe(
    "it is saved\nBring it back: virsh --connect qemu:///system start 'web 1'",
  );
});

test("a paused guest is to be resumed, whatever its channel says", () => {
  const paused = { path: "/p", state: "paused", connect: "test:///x", connected: false } as const;
  expect(explain(ANSWERED, paused, REFUSED)).toBe(
    "it is paused\nResume it: virsh --connect test:///x resume 'web 1'",
  );
});

test("a channel that did not open comes before what the session knows", () => {
  expect(explain({ peer: AGENT, farewell: "bye" }, { path: "/p" }, REFUSED)).toBe("Cannot connect: refused");
});

test.each([
  ["said goodbye", { peer: AGENT, farewell: "" }, undefined, "it was stopped"],
  ["said why it ends", { peer: AGENT, farewell: "upgrade" }, undefined, "it was stopped (upgrade)"],
  ["closed its port", ANSWERED, { connected: false }, "no program in the guest has the channel open"],
  ["has its port open", ANSWERED, { connected: true }, undefined],
  ["may have its port open", ANSWERED, {}, undefined],
  ["was never there", { peer: undefined, farewell: "bye" }, { connected: false }, undefined],
  ["has no session", undefined, { connected: false }, undefined],
])("an agent that %s is explained so", (_what, session, endpoint, reason) => {
  expect(explainStoppedAgent(session, endpoint)).toBe(reason);
});

test("a silent agent is explained by what is known of it, and the remedy starts it", () => {
  const [stopped, silent, closed, unknown] = [
    explain({ peer: AGENT, farewell: "" }, { path: "/p" }),
    explain(ANSWERED, { path: "/p" }),
    explain(NEW, { path: "/p", connected: false }),
    explain(undefined, { path: "/run/a b" }),
  ];
  expect(stopped).toStartWith("its agent is not running: it was stopped\nStart the agent in the guest: ");
  expect(silent).toStartWith("its agent answered before, and is silent now\nStart the agent in the guest: ");
  expect(closed).toStartWith("no program in it has the channel open\nStart the agent in the guest: ");
  expect(unknown).toStartWith(
    "its channel is there, but no agent answers on it\nStart the agent in the guest: ",
  );
  expect(unknown).toEndWith(
    "\nIf it runs, find the program that holds the channel: ss -xp | grep '/run/a b'",
  );
  expect(explain(undefined, undefined)).toEndWith("ss -xp | grep negotiator");
});

/** The message about a port that is missing beside these others. */
function messageOf(others?: readonly string[]): string {
  return noCallingPort("web1", "p.0", others).message;
}

test("the error of a guest without the port names its ports, and it keeps its QEMU guest agent", () => {
  const add = "Add it: negotiator host add-channel --port p.0 web1";
  expect(messageOf()).toBe(`Guest "web1" runs, but has no port p.0\n${add}`);
  expect(messageOf([])).toBe(`Guest "web1" runs, but has no port p.0 (it has: none)\n${add}`);
  expect(messageOf(["a", "b"])).toBe(`Guest "web1" runs, but has no port p.0 (it has: a, b)\n${add}`);
  expect(messageOf([AGENT_PORT])).toEndWith(
    `${add}\nOr put commands for its QEMU guest agent into /etc/negotiator/guest-commands on this host`,
  );
  expect(messageOf(["a", "p.0"])).toBe(
    'Guest "web1" runs, but its port p.0 is not a socket on which QEMU listens\n' +
      "See how to correct it: negotiator host doctor web1",
  );
});
