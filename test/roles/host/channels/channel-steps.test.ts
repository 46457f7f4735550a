/** The steps of a plan, made by a virsh that a function plays, and written as lines of shell. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../../src/errors.ts";
import type { RunText, RunTextResult } from "../../../../src/process/run-text.ts";
import type { Plan, Step } from "../../../../src/roles/host/channels/channel-plan.ts";
import { formatStep, makeSteps, remedyLines } from "../../../../src/roles/host/channels/channel-steps.ts";
import { answer, complaint, domainXml, UUIDS } from "../../../discovery/libvirt/fake-libvirt.ts";
import { rejectionOf } from "../../../support/error-of.ts";

const [uuid] = UUIDS;
const DOMAIN = { name: "web1", uuid };
const PORT = "negotiator-host-to-guest.0";
const connect = "qemu:///system";
const { signal } = new AbortController();
const DONE = answer("");
const WITHOUT_PORT = answer(`<domain id='1'><name>web1</name><uuid>${uuid}</uuid><devices/></domain>`);
const WITH_PORT = answer(domainXml("web1", uuid));

function step(more: Partial<Step> = {}): Step {
  return { action: "attach", port: PORT, places: ["live", "config"], xml: "<channel/>", ...more };
}

/** Makes the steps. `ends` has the ends of the changes in turn; `live` is the domain as it runs. */
async function make(plan: Plan, ends: readonly RunTextResult[], live: RunTextResult = WITHOUT_PORT) {
  const changes: string[] = [];
  const inputs: unknown[] = [];
  const left = [...ends];
  const runText: RunText = (argv, { input }) => {
    if (argv.includes("dumpxml")) return Promise.resolve(live);
    changes.push(argv.slice(3).join(" "));
    inputs.push(input);
    return Promise.resolve(left.shift() ?? complaint("one change too many"));
  };
  const made = makeSteps(plan, DOMAIN, { connect, runText }, signal);
  const outcome = await made.catch((thrown: unknown) => NegotiatorError.from(thrown));
  return { outcome, changes, inputs };
}

const change = (action: string, flags: string): string => `${action}-device ${flags} -- ${uuid} /dev/stdin`;

describe("steps", () => {
  test("are made one after the other by UUID, and the plan's reason is kept", async () => {
    const later = { why: "later" };
    const steps = [step(), step({ action: "detach", places: ["config"], xml: "<other/>" })];
    const { outcome, changes, inputs } = await make({ steps, later }, [DONE, DONE]);
    expect(outcome).toEqual(later);
    expect(changes).toEqual([change("attach", "--live --config"), change("detach", "--config")]);
    expect(inputs).toEqual(["<channel/>", "<other/>"]);
  });

  test("of a plan without a reason resolve with none", async () => {
    expect((await make({ steps: [step()] }, [DONE])).outcome).toBeUndefined();
  });

  test("leave out the running domain if another program has added the port to it", async () => {
    const both = await make({ steps: [step()] }, [DONE], WITH_PORT);
    expect([both.outcome, both.changes]).toEqual([undefined, [change("attach", "--config")]]);
    const live = await make({ steps: [step({ places: ["live"] })] }, [], WITH_PORT);
    expect([live.outcome, live.changes]).toEqual([undefined, []]);
  });

  test("take the port from a running domain that has it", async () => {
    const { changes } = await make(
      { steps: [step({ action: "detach", places: ["live"] })] },
      [DONE],
      WITH_PORT,
    );
    expect(changes).toEqual([change("detach", "--live")]);
  });

  test("reach the next start at least if the running domain refuses the port", async () => {
    const { outcome, changes } = await make({ steps: [step()] }, [complaint("no slot"), DONE]);
    expect(changes).toEqual([change("attach", "--live --config"), change("attach", "--config")]);
    expect(outcome).toEqual({
      why: "libvirt cannot add the port while the guest runs: no slot",
      remedy: remedyLines(DOMAIN, connect).restart,
    });
  });
});

describe("a refusal", () => {
  test("of the only place is the error", async () => {
    const { outcome, changes } = await make({ steps: [step({ places: ["config"] })] }, [
      complaint("read-only"),
    ]);
    expect(outcome).toMatchObject({ code: "INTERNAL", message: "read-only" });
    expect(changes).toHaveLength(1);
  });

  test("of both places is that of the next start", async () => {
    const { outcome } = await make({ steps: [step()] }, [complaint("no slot"), complaint("read-only")]);
    expect(outcome).toMatchObject({ code: "INTERNAL", message: "read-only" });
  });

  test("because the port exists says that its socket is dead, and does not try again", async () => {
    const { outcome, changes } = await make({ steps: [step()] }, [complaint("port already exists")]);
    const problem = "another program added the port at this moment";
    expect(outcome).toMatchObject({ code: "INTERNAL", message: expect.stringContaining(problem) });
    expect(changes).toHaveLength(1);
  });

  test("of the connection ends all steps with its error", async () => {
    const gone = complaint("failed to connect to the hypervisor", "no such file");
    const { outcome, changes } = await make({ steps: [step(), step()] }, [gone, DONE]);
    expect(outcome).toBeInstanceOf(NegotiatorError);
    expect(outcome).not.toMatchObject({ code: "INTERNAL" });
    expect(changes).toHaveLength(1);
  });

  test("for lack of time ends all steps too", async () => {
    const late = new NegotiatorError("TIMEOUT", "late");
    let changes = 0;
    const runText: RunText = (argv) => {
      if (argv.includes("dumpxml")) return Promise.resolve(WITHOUT_PORT);
      changes++;
      return Promise.reject(late);
    };
    const error = await rejectionOf(makeSteps({ steps: [step()] }, DOMAIN, { runText }, signal));
    const message = "libvirt does not answer within 30 s";
    expect([error.code, error.message.split("\n")[0], changes]).toEqual(["TIMEOUT", message, 1]);
  });
});

/** The line that attaches the port; `word` names the domain. */
function line(word: string): string {
  return `echo '<channel/>' | virsh --connect ${connect} attach-device ${word} /dev/stdin --live --config`;
}

describe("lines of shell", () => {
  test("name the domain, and its UUID where virsh would take the name for something else", () => {
    const words = (name: string): string => formatStep(step(), { name, uuid }, connect);
    expect(words("web1")).toBe(line("web1"));
    expect(words("a b")).toBe(line("'a b'"));
    expect(words("7")).toBe(line(uuid));
    expect(words("-x")).toBe(line(uuid));
    expect(words("7a")).toBe(line("7a"));
    expect(words("a-7")).toBe(line("a-7"));
  });

  test("of remedies shut the domain down and start it, drop its saved state, and edit it", () => {
    const virsh = `virsh --connect ${connect}`;
    expect(remedyLines({ name: "a b", uuid }, connect)).toEqual({
      restart:
        `Shut it down (a reboot inside is not enough): ${virsh} shutdown 'a b'\n` +
        `When it is off, start it: ${virsh} start 'a b'`,
      startAgain: `${virsh} managedsave-remove 'a b'; ${virsh} start 'a b'`,
      edit: `${virsh} edit 'a b'`,
    });
  });
});
