/** Which steps give domains a channel or take it away, and when they count. */
import { describe, expect, test } from "bun:test";
import type { DomainFacts } from "../../../../src/discovery/libvirt/domain-facts.ts";
import { planAdding, planRemoving } from "../../../../src/roles/host/channels/channel-plan.ts";
import type { Plan } from "../../../../src/roles/host/channels/channel-plan.ts";
import { remedyLines } from "../../../../src/roles/host/channels/channel-steps.ts";

const PORT = "negotiator-host-to-guest.0";
const BACK = "negotiator-guest-to-host.0";
const LINES = remedyLines({ name: "web1", uuid: "u" }, undefined);
const OTHER = { port: "org.qemu.guest_agent.0", type: "unix", source: "/o", isBound: true };
const OURS = { port: PORT, type: "unix", source: "/run/a'b", isBound: true };

type Given = Partial<Pick<DomainFacts, "live" | "config" | "isSaved">>;
const facts = (given: Given): DomainFacts => ({
  name: "web1",
  uuid: "u",
  state: given.live === undefined ? "shut off" : "running",
  isSaved: false,
  ...given,
});
const devices = (...list: (typeof OURS)[]) => ({ hasController: true, devices: list });
const NONE = { hasController: false, devices: [] };
const placesOf = ({ steps }: Plan): string[] =>
  steps.map(({ port, places }) => `${port} ${places.join("+")}`);

describe("a channel is added", () => {
  test.each<[string, Given, string[]]>([
    [
      "to a running domain for now and later",
      { live: devices(OTHER), config: devices(OTHER) },
      [`${PORT} live+config`],
    ],
    ["only now, if the definition has it", { live: devices(), config: devices(OURS) }, [`${PORT} live`]],
    [
      "only for later, if the domain has it now",
      { live: devices(OURS), config: devices() },
      [`${PORT} config`],
    ],
    ["not a second time", { live: devices(OURS), config: devices(OURS) }, []],
    ["to a domain that is shut off, with or without a controller", { config: NONE }, [`${PORT} config`]],
    ["to a transient domain for now", { live: devices() }, [`${PORT} live`]],
  ])("%s", (_, given, expected) => {
    const plan = planAdding(facts(given), [PORT], LINES);
    expect(placesOf(plan)).toEqual(expected);
    expect(plan.later).toBeUndefined();
  });

  test("for the next start without a controller, and the reason has both commands", () => {
    const { steps, later } = planAdding(facts({ live: NONE, config: NONE }), [PORT], LINES);
    expect(steps.map(({ places }) => places)).toEqual([["config"]]);
    expect(later?.remedy).toContain("virsh shutdown web1\n");
    expect(later?.remedy).toEndWith("virsh start web1");
  });

  test("for each port that is missing", () => {
    const given = { live: devices(OURS), config: devices(OURS) };
    expect(placesOf(planAdding(facts(given), [PORT, BACK], LINES))).toEqual([`${BACK} live+config`]);
  });

  test("to a saved domain, with the command that boots it", () => {
    const { later } = planAdding(facts({ config: devices(), isSaved: true }), [PORT], LINES);
    expect(later?.remedy).toEndWith("virsh managedsave-remove web1; virsh start web1");
  });

  test("not to a transient domain without a controller, nor beside a port of another kind", () => {
    const pty = { ...OURS, type: "pty", isBound: false };
    for (const given of [{ live: NONE }, { live: devices(pty), config: devices() }]) {
      const { steps, refusal } = planAdding(facts(given), [PORT], LINES);
      expect([steps, typeof refusal?.why]).toEqual([[], "string"]);
    }
  });
});

describe("a channel is removed", () => {
  test("wherever it is, and other channels stay", () => {
    const given = { live: devices(OTHER, OURS), config: devices(OURS, OTHER) };
    const plan = planRemoving(facts(given), [PORT, BACK], LINES);
    expect(placesOf(plan)).toEqual([`${PORT} live`, `${PORT} config`]);
    expect(plan.steps[0]?.xml).toBe(
      '<channel type="unix"><source mode="bind" path="/run/a&#39;b"/>' +
        `<target type="virtio" name="${PORT}"/></channel>`,
    );
  });

  test("not if it is of another kind", () => {
    const given = { config: devices({ ...OURS, isBound: false }) };
    expect(planRemoving(facts(given), [PORT], LINES)).toMatchObject({
      steps: [],
      refusal: { why: expect.stringContaining("does not listen there") },
    });
  });
});
