/** Reads the sockets that an option or the config names. Does not check that they exist. */
import { isAbsolute, resolve } from "node:path";
import { NegotiatorError } from "../errors.ts";
import { printable } from "../printable.ts";
import type { Endpoint } from "./endpoint.ts";

/** `ports` are the names that an entry may have; an entry without a name gets `defaultPort`. */
export type NamedPorts = { ports: ReadonlySet<string>; defaultPort: string };

/**
 * Returns the endpoints of all `--socket` flags, in the form `GUEST=PATH` or `GUEST:PORT=PATH`. The first
 * `=` ends the guest's part, and the last `:` in that part starts a port's name. A relative path starts at
 * the working directory. Throws `BAD_USAGE` for another form, an unknown port or a repeated entry.
 */
export function readSocketFlags(texts: readonly string[], known: NamedPorts): Endpoint[] {
  const endpoints = texts.map((text) => parseSocketFlag(text, known));
  refuseRepeated(endpoints);
  return endpoints;
}

/** One `[[guests]]` table of the config. */
export type NamedGuest = {
  name: string;
  socket: string;
  port?: string | undefined;
  user?: string | undefined;
};

/**
 * Returns the endpoints of the config's guests. Throws `BAD_CONFIG` for an unknown port, a relative path or a
 * repeated entry, with one line for each problem of all guests.
 */
export function readNamedGuests(guests: readonly NamedGuest[], known: NamedPorts): Endpoint[] {
  const endpoints = guests.map(({ name, socket, port = known.defaultPort, user }): Endpoint => {
    const listener = user === undefined ? {} : { user };
    return { guest: name, port, path: socket, source: "config", ...listener };
  });
  const problems = endpoints.flatMap((endpoint, index) => {
    const twin = findTwin(endpoints, index);
    const place = `guest ${index + 1} "${printable(endpoint.guest)}"`;
    return [
      endpoint.guest === "" ? ["its name is empty"] : [],
      isAbsolute(endpoint.path) ? [] : [`socket must be an absolute path; this is "${endpoint.path}"`],
      known.ports.has(endpoint.port) ? [] : [`"${endpoint.port}" is not a port's name; ${listPorts(known)}`],
      twin === undefined ? [] : [formatTwins(twin, endpoint)],
    ]
      .flat()
      .map((problem) => `${place}: ${problem}`);
  });
  if (problems.length === 0) return endpoints.map((each) => ({ ...each, path: resolve(each.path) }));
  const message = `Cannot use the config's list of guests:\n  ${problems.map(printable).join("\n  ")}`;
  throw new NegotiatorError("BAD_CONFIG", message, {
    remedy: "Correct the tables [[guests]], then check them: negotiator host check-config",
  });
}

function parseSocketFlag(text: string, known: NamedPorts): Endpoint {
  const wrong = (condition: string, remedy: string): NegotiatorError =>
    new NegotiatorError("BAD_USAGE", `Cannot use --socket "${text}": ${condition}`, { remedy });

  const [, left = "", path = ""] = /^([^=]*)=(.*)$/s.exec(text) ?? [];
  const [, guest = left, port = known.defaultPort] = /^(.*):([^:]*)$/s.exec(left) ?? [];
  if (guest === "" || path === "") {
    const isName = guest === "" && /[=/]/.test(text);
    throw wrong(`the ${isName ? "guest's name" : "path"} is missing`, "Write GUEST=PATH or GUEST:PORT=PATH");
  }
  if (!known.ports.has(port)) throw wrong(`"${port}" is not a port's name`, `U${listPorts(known).slice(1)}`);
  return { guest, port, path: resolve(path), source: "flag" };
}

function listPorts({ ports }: NamedPorts): string {
  return `use one of: ${[...ports].join(", ")}`;
}

function refuseRepeated(endpoints: readonly Endpoint[]): void {
  for (const [index, endpoint] of endpoints.entries()) {
    const twin = findTwin(endpoints, index);
    if (twin === undefined) continue;
    throw new NegotiatorError("BAD_USAGE", `Cannot use --socket: ${formatTwins(twin, endpoint)}`, {
      remedy: "Remove one of them",
    });
  }
}

function findTwin(endpoints: readonly Endpoint[], index: number): Endpoint | undefined {
  const own = endpoints[index];
  return endpoints.slice(0, index).find(({ guest, port }) => guest === own?.guest && port === own.port);
}

function formatTwins(twin: Endpoint, { guest, port, path }: Endpoint): string {
  return `two sockets for port "${port}" of guest "${guest}": "${twin.path}" and "${path}"`;
}
