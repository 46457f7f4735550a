/** Sockets that the administrator names, by flag or in the config; they are believed unseen. */
import { isAbsolute, resolve } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { isPortName, PORT_NAMES } from "./endpoint.ts";
import type { Endpoint, PortName } from "./endpoint.ts";

/**
 * The endpoints of all `--socket` flags: `GUEST=PATH` (the host-to-guest port) or `GUEST:PORTNAME=PATH`. The first `=` ends
 * the guest's part, the last `:` in it starts a port's name; a relative path counts from the working directory. Throws
 * `BAD_USAGE`, for a repeated entry too.
 */
export function readSocketFlags(texts: readonly string[]): Endpoint[] {
  const endpoints = texts.map(parseSocketFlag);
  refuseRepeated(endpoints, "BAD_USAGE");
  return endpoints;
}

/** One `[[guests]]` table of the config. Without `port` it is the host-to-guest port. */
export type NamedGuest = { name: string; socket: string; port?: string | undefined };

/** The endpoints of the config's guests. Throws `BAD_CONFIG` for an unknown port, a relative path or a repeated entry. */
export function readNamedGuests(guests: readonly NamedGuest[]): Endpoint[] {
  const endpoints = guests.map(({ name, socket, port = PORT_NAMES.hostToGuest }): Endpoint => {
    const wrong = (condition: string, remedy: string): NegotiatorError =>
      new NegotiatorError("BAD_CONFIG", `Cannot use the config's guest "${name}": ${condition}`, { remedy });

    if (name === "") throw wrong("its name is empty", "Give it a name");
    if (!isAbsolute(socket)) throw wrong(`"${socket}" is not an absolute path`, "Write it from / on");
    if (!isPortName(port)) throw wrong(`"${port}" is not a port's name`, `The ports are ${PORT_LIST}`);
    return { guest: name, port, path: resolve(socket), source: "config" };
  });
  refuseRepeated(endpoints, "BAD_CONFIG");
  return endpoints;
}

function parseSocketFlag(text: string): Endpoint {
  const wrong = (condition: string, remedy: string): NegotiatorError =>
    new NegotiatorError("BAD_USAGE", `Cannot use --socket "${text}": ${condition}`, { remedy });

  const [, left = "", path = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const [, guest = left, port = PORT_NAMES.hostToGuest] = /^(.*):([^:]*)$/s.exec(left) ?? [];
  if (guest === "" || path === "") {
    throw wrong("a guest's name or a path is missing", "Write GUEST=PATH or GUEST:PORTNAME=PATH");
  }
  if (!isPortName(port)) throw wrong(`"${port}" is not a port's name`, `The ports are ${PORT_LIST}`);
  return { guest, port, path: resolve(path), source: "flag" };
}

const PORT_LIST = Object.values<PortName>(PORT_NAMES).join(", ");

function refuseRepeated(endpoints: readonly Endpoint[], code: "BAD_USAGE" | "BAD_CONFIG"): void {
  for (const [index, { guest, port, path }] of endpoints.entries()) {
    const twin = endpoints.slice(0, index).find((other) => other.guest === guest && other.port === port);
    if (twin === undefined) continue;
    const message = `Cannot use two sockets for port "${port}" of guest "${guest}": "${twin.path}" and "${path}"`;
    throw new NegotiatorError(code, message, { remedy: "Leave one of them out" });
  }
}
