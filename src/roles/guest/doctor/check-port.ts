/** Looks whether this guest has its port, and who has it open. */
import { constants } from "node:fs";
import { access, readlink, stat } from "node:fs/promises";
import { basename } from "node:path";
import { findHolders } from "../../../discovery/ports/holders.ts";
import type { Holder } from "../../../discovery/ports/holders.ts";
import { explainMissing, explainRefusal } from "../../../discovery/ports/port-trouble.ts";
import { findPorts } from "../../../discovery/ports/virtio.ts";
import { errnoOf } from "../../../errors.ts";
import type { NegotiatorError } from "../../../errors.ts";
import { formatDeviceNumber } from "../../../methods/agent/mounts.ts";
import { nearest } from "../../../nearest.ts";
import { DIALECTS } from "../../../peers/dialects.ts";
import { nativePorts } from "../../../peers/dialect-table.ts";
import { printable } from "../../../printable.ts";
import { defineCheck } from "../../doctor/check.ts";
import { fromError, ok, problem, unknown } from "../../doctor/finding.ts";
import type { Fix, Found } from "../../doctor/finding.ts";
import { findDaemons } from "../../install/running-daemon.ts";

/**
 * `unfit`: the setting names something else than a port. `missing`: why there is no port. `refusal`: why its
 * device cannot be used.
 */
type PortFacts =
  | { kind: "missing"; error: NegotiatorError; similar: readonly string[] }
  | { kind: "unfit"; device: string; what: string; origin: string }
  | { kind: "refused"; error: NegotiatorError; device: string }
  | { kind: "found"; name: string; device: string; holders: readonly Holder[]; ours: readonly number[] };

/** The driver, the port by its name, its device node and its holder. */
export const CHECK_PORT = defineCheck<PortFacts>({
  name: "port",
  async look({ invocation: { config } }) {
    const { characterDevice } = config.settings.guest;
    const wanted = DIALECTS.defaultPort;
    const ports = await findPorts();
    const port =
      characterDevice === ""
        ? nativePorts()
            .map((name) => ports.find((each) => each.name === name))
            .find((each) => each !== undefined)
        : { name: characterDevice, device: characterDevice };
    if (port === undefined) {
      const others = ports.map(({ name }) => name);
      return { kind: "missing", error: await explainMissing(wanted), similar: nearest(wanted, others) };
    }
    const { name, device } = port;
    if (characterDevice !== "") {
      const what = await findUnfit(device);
      const origin = config.origins.get("guest.characterDevice") ?? "an option";
      if (what !== undefined) return { kind: "unfit", device, what, origin };
    }
    try {
      await access(device, constants.R_OK | constants.W_OK);
    } catch (thrown) {
      return { kind: "refused", error: await explainRefusal(port, thrown), device };
    }
    const ours = findDaemons("guest").map(({ pid }) => pid);
    return { kind: "found", name, device, holders: await findHolders(device), ours };
  },
  judge(facts, { isRoot }) {
    if (facts.kind === "unfit") return [judgeUnfit(facts)];
    if (facts.kind === "missing") return [judgeMissing(facts)];
    if (facts.kind === "refused") return [judgeRefusal(facts.error, isRoot)];
    const { name, device, holders, ours } = facts;
    const others = holders.filter(({ pid }) => !ours.includes(pid));
    if (others.length > 0)
      return others.map(({ pid, command, unit }) =>
        problem(
          `process ${pid} (${printable(command)}) has "${printable(name)}" open, and a port serves only one`,
          `Stop it: ${unit === undefined ? `kill ${pid}` : `systemctl stop ${unit}`}`,
        ),
      );
    const who =
      holders.length > 0 ? "the daemon has it open" : isRoot ? "no process has it open" : "it is there";
    return [ok(`${printable(name)} (${device}): ${who}`)];
  },
});

const LISTED_PORTS = "ls -l /dev/virtio-ports /sys/class/virtio-ports";

/**
 * Resolves with what a path is that can be no port: nothing, or a file, a disk, a device such as /dev/null.
 * Source: Documentation/ABI/stable/sysfs-devices of Linux, "subsystem".
 */
async function findUnfit(path: string): Promise<string | undefined> {
  const status = await stat(path).catch((thrown: unknown) => errnoOf(thrown));
  if (typeof status === "string" || status === undefined) {
    // udev may not have made the node yet.
    const isKnown = await stat(`/sys/class/virtio-ports/${basename(path)}`).then(
      () => true,
      () => false,
    );
    return status === "ENOENT" && !isKnown ? "there is no such file, and no such port" : undefined;
  }
  if (status.isSocket() || status.isFIFO()) return undefined;
  if (!status.isCharacterDevice()) return "it is no character device and no socket";
  const link = `/sys/dev/char/${formatDeviceNumber(status.rdev)}/subsystem`;
  const subsystem = basename(await readlink(link).catch(() => ""));
  return subsystem === "mem" ? "it is a device without another side" : undefined;
}

function judgeUnfit({ device, what, origin }: { device: string; what: string; origin: string }): Found {
  return problem(
    `Cannot use ${printable(device)}, which guest.characterDevice names (${printable(origin)}): ${what}`,
    `Remove the setting, then the port is found by its name. Or correct it: ${LISTED_PORTS}`,
  );
}

function judgeMissing({ error, similar }: { error: NegotiatorError; similar: readonly string[] }): Found {
  const { text, remedy = "" } = fromError(error);
  const [guess] = similar;
  if (guess !== undefined)
    return problem(
      `${text}; its name may be mistyped`,
      `On the host, replace "${printable(guess)}" in the guest's XML: virsh edit GUEST\n${remedy}`,
    );
  const load: Fix | undefined = text.includes("is not loaded") ? ["modprobe", "virtio_console"] : undefined;
  return problem(text, remedy, load);
}

function judgeRefusal(error: NegotiatorError, isRoot: boolean): Found {
  const { text, remedy } = fromError(error);
  if (error.code === "DENIED" && !isRoot) return unknown(text, remedy);
  const isMissing = text.includes("device node");
  return problem(text, remedy, isMissing ? ["udevadm", "trigger", "--settle"] : undefined);
}
