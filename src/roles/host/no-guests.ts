/** Explains why a search has found no guest at all. */
import type { Settings } from "../../config/settings.ts";
import { surveyLibvirt } from "../../discovery/libvirt/survey.ts";
import { attachLine } from "../../discovery/attach-line.ts";
import { NegotiatorError } from "../../errors.ts";
import { runText } from "../../process/run-text.ts";
import { shellWord } from "../../shell-word.ts";
import { ourUid } from "../../trust/ownership.ts";
import { findLocalProgram } from "../../process/program-path.ts";

/**
 * Returns the error for an empty search: `DENIED` if a user without rights has asked its own libvirt, which
 * is not that of the system; `NO_GUEST` otherwise. `port` is the port that a guest needs. Rejects with the
 * error of libvirt if it does not answer.
 */
export async function explainEmpty({ host }: Settings, port: string): Promise<NegotiatorError> {
  const usesLibvirt =
    host.libvirt === "yes" || (host.libvirt === "auto" && findLocalProgram("virsh") !== undefined);
  if (!usesLibvirt) {
    const why = host.libvirt === "no" ? 'host.libvirt = "no"' : "there is no virsh";
    if (host.qemu === "no")
      return new NegotiatorError("NO_GUEST", `No guest was found: none is named, ${why}, host.qemu = "no"`, {
        remedy: "Name the sockets: negotiator host list-guests --socket GUEST=PATH",
      });
    const searched = `no QEMU process of root has a negotiator port (libvirt is not asked: ${why})`;
    return new NegotiatorError("NO_GUEST", `No guest was found: ${searched}`, {
      remedy: "Look for QEMU processes with such a port, as root: ps -ef | grep negotiator-",
    });
  }
  const connect = host.connect === "" ? undefined : host.connect;
  const { uri, running } = await surveyLibvirt({ connect, runText }, new AbortController().signal);
  if (isOwnLibvirt(uri) && connect === undefined && ourUid() !== 0) return ownLibvirt(uri);
  const where = `libvirt at ${uri}`;
  const [first] = running;
  if (first === undefined) {
    return new NegotiatorError("NO_GUEST", `No guest was found: none runs by ${where}`, {
      remedy: `Look at all guests: virsh --connect ${shellWord(uri)} list --all`,
    });
  }
  const names = running.map((name) => `"${name}"`).join(", ");
  const [guests, run, have] = running.length === 1 ? ["guest", "runs", "has"] : ["guests", "run", "have"];
  return new NegotiatorError(
    "NO_GUEST",
    `No guest can be called: ${guests} ${names} ${run}, but ${have} no port ${port}`,
    {
      remedy: `Add it: ${attachLine(shellWord(first), port, connect)}`,
    },
  );
}

/** A user who is not root has its own libvirt, which knows nothing of the system's guests. */
function isOwnLibvirt(uri: string): boolean {
  return /^[^:]+:\/\/\/session\b/.test(uri);
}

function ownLibvirt(uri: string): NegotiatorError {
  const message = `No guest was found: this user asked its own libvirt, at ${uri}, not that of the system`;
  return new NegotiatorError("DENIED", message, {
    remedy:
      "Run as root, or ask the system's libvirt with the option --connect qemu:///system\n" +
      "Join the group libvirt first, if that is refused: usermod -aG libvirt USER",
  });
}
