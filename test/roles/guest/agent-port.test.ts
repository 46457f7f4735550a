/** The port of the guest agent with `guest.qga = "auto"`, while another agent comes and goes. */
import { expect, test } from "bun:test";
import { DEFAULTS } from "../../../src/config/settings.ts";
import { DIALECTS } from "../../../src/peers/dialects.ts";
import { createServices } from "../../../src/roles/daemon/services.ts";
import { createAgentPort } from "../../../src/roles/guest/agent-port.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { unsetConfig } from "../../support/unset-config.ts";
import { until } from "../../support/until.ts";

const OTHER = "/usr/sbin/qemu-ga";

test("a reload gives the port to an agent that was installed, and takes it when that is gone", async () => {
  await using directory = await createTemporaryDirectory();
  const settings = {
    ...DEFAULTS,
    audit: { ...DEFAULTS.audit, file: directory.at("audit") },
    policyFile: directory.at("none"),
    guest: { ...DEFAULTS.guest, qga: "auto" as const, control: directory.at("guest.sock") },
  };
  await using services = createServices("guest", unsetConfig(settings));
  await directory.write("sys/vport0p1/name", "org.qemu.guest_agent.0\n");
  const device = await directory.write("dev/vport0p1", "");
  await Bun.file(device).delete();
  using _ = Bun.listen({ unix: device, socket: { data: () => undefined } });
  let other: string | undefined;
  let looks = 0;
  const port = createAgentPort(settings, services, DIALECTS, {
    ports: { sysDirectory: directory.at("sys"), devDirectory: directory.at("dev") },
    findOther: () => {
      looks++;
      return Promise.resolve(other);
    },
  });
  const stop = new AbortController();
  const holding = port.hold(stop.signal);
  const isOpen = { device, leftTo: null };
  const isLeft = { device: null, leftTo: OTHER };
  const becomes = async (state: typeof isOpen | typeof isLeft): Promise<void> => {
    await until("the port changes hands", () => port.status()?.device === state.device);
    expect(port.status()).toMatchObject(state);
  };
  await becomes(isOpen);
  other = OTHER;
  port.reload(settings);
  await becomes(isLeft);
  looks = 0;
  port.reload(settings);
  await until("the reload has looked", () => looks > 0);
  expect(port.status()).toMatchObject(isLeft);
  other = undefined;
  port.reload(settings);
  await becomes(isOpen);
  port.reload(settings);
  stop.abort();
  await holding;
});
