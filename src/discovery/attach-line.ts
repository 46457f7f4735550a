/** Command lines about the channel of a guest of libvirt, for messages. */

import { shellWord } from "../shell-word.ts";
import { defaultUri } from "./default-uri.ts";

/** The port that `add-channel` adds without `--port`. */
const USUAL_PORT = "negotiator-host-to-guest.0";

/**
 * Returns the line that gives a guest its port. The name stands in it as a shell takes it. `connect` is the
 * URI of its libvirt, if one was set.
 */
export function attachLine(guest: string, port: string, connect = ""): string {
  const options = [
    connect === "" ? [] : ["--connect", shellWord(connect)],
    port === USUAL_PORT ? [] : ["--port", shellWord(port)],
  ].flat();
  return ["negotiator host add-channel", ...options, guest].join(" ");
}

/**
 * Returns the remedy for a port that was attached twice, after which no process listens at its socket. The
 * name stands in it as a shell takes it.
 */
export function attachAgainRemedy(guest: string, connect = ""): string {
  const at = connect === "" ? "" : ` --connect ${shellWord(connect)}`;
  const [remove, add] = ["remove", "add"].map((verb) => `negotiator host ${verb}-channel${at} ${guest}`);
  return `Attach it again: ${remove}; ${add}`;
}

/** Returns the first words of a line for virsh. An empty URI is none, unless virsh needs one here. */
export function virshAt(connect = ""): string {
  const uri = connect === "" ? defaultUri() : connect;
  return uri === undefined ? "virsh" : `virsh --connect ${shellWord(uri)}`;
}
