/** Reads the sockets that an option or the config names. Does not check that they exist. */
import { isAbsolute, resolve } from "node:path";
import { NegotiatorError } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";

/** `ports` are the names that an entry may have; an entry without a name gets `defaultPort`. */
export type NamedPorts = { ports: ReadonlySet<string>; defaultPort: string };

/**
 * Returns the endpoints of all `--socket` flags, in the form `GUEST=PATH` or `GUEST:PORTNAME=PATH`. The first
 * `=` ends the guest's part, and the last `:` in that part starts a port's name. A relative path starts at
 * the working directory. Throws `BAD_USAGE` for another form, an unknown port or a repeated entry.
 */
export function readSocketFlags(texts: readonly string[], known: NamedPorts): Endpoint[] {
  const endpoints = texts.map((text) => parseSocketFlag(text, known));
  refuseRepeated(endpoints, "BAD_USAGE");
  return endpoints;
}

/** One `[[guests]]` table of the config. */
export type NamedGuest = { name: string; socket: string; port?: string | undefined };

/**
 * Returns the endpoints of the config's guests. Throws `BAD_CONFIG` for an unknown port, a relative path or a
 * repeated entry.
 */
export function readNamedGuests(guests: readonly NamedGuest[], known: NamedPorts): Endpoint[] {
  const endpoints = guests.map(({ name, socket, port = known.defaultPort }): Endpoint => {
    const wrong = (condition: string, remedy: string): NegotiatorError =>
      new NegotiatorError("BAD_CONFIG", `Cannot use the config's guest "${name}": ${condition}`, { remedy });

    if (name === "") throw wrong("its name is empty", "Give it a name");
    if (!isAbsolute(socket)) throw wrong(`"${socket}" is not an absolute path`, "Start the path with /");
    if (!known.ports.has(port)) throw wrong(`"${port}" is not a port's name`, listPorts(known));
    return { guest: name, port, path: resolve(socket), source: "config" };
  });
  refuseRepeated(endpoints, "BAD_CONFIG");
  return endpoints;
}

function parseSocketFlag(text: string, known: NamedPorts): Endpoint {
  const wrong = (condition: string, remedy: string): NegotiatorError =>
    new NegotiatorError("BAD_USAGE", `Cannot use --socket "${text}": ${condition}`, { remedy });

  const [, left = "", path = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const [, guest = left, port = known.defaultPort] = /^(.*):([^:]*)$/s.exec(left) ?? [];
  if (guest === "" || path === "") {
    throw wrong("a guest's name or a path is missing", "Write GUEST=PATH or GUEST:PORTNAME=PATH");
  }
  if (!known.ports.has(port)) throw wrong(`"${port}" is not a port's name`, listPorts(known));
  return { guest, port, path: resolve(path), source: "flag" };
}

function listPorts({ ports }: NamedPorts): string {
  return `Use one of: ${[...ports].join(", ")}`;
}

function refuseRepeated(endpoints: readonly Endpoint[], code: "BAD_USAGE" | "BAD_CONFIG"): void {
  for (const [index, { guest, port, path }] of endpoints.entries()) {
    const twin = endpoints.slice(0, index).find((other) => other.guest === guest && other.port === port);
    if (twin === undefined) continue;
    const paths = `"${twin.path}" and "${path}"`;
    const message = `Cannot use two sockets for port "${port}" of guest "${guest}": ${paths}`;
    throw new NegotiatorError(code, message, { remedy: "Remove one of them" });
  }
}
