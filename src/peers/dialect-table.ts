/** Looks up the rows of dialects by port and by role. */
import { NegotiatorError } from "../errors.ts";
import type { AnsweredDialect, Dialect, DialectPort, ForeignDialect, Role } from "./dialect.ts";
import { NATIVE } from "./native.ts";

/** A port and the dialects that can be spoken on it. */
export type PortUse = DialectPort & {
  /** True if the native dialect is one of them. */
  isNative: boolean;
  /** The foreign dialects among them. */
  foreign: readonly ForeignDialect[];
};

/** The rows, and lookups in them. */
export type DialectTable = {
  readonly rows: readonly Dialect[];
  /** The foreign dialects that share ports with the native one. */
  readonly besideNative: readonly ForeignDialect[];
  /** The dialects in which this side never calls. Their ports are not among those below. */
  readonly answered: readonly AnsweredDialect[];
  /** The names of all ports over which this side calls. */
  readonly portNames: ReadonlySet<string>;
  /** The port to use when the user names none: the best one on which a host calls its guest. */
  readonly defaultPort: string;
  /** The use of a port; undefined for a port that no dialect uses. */
  portUse(name: string): PortUse | undefined;
  /** The ports over which this role may call: native ones first, each dialect's in its order. */
  callingPorts(role: Role): readonly PortUse[];
};

/**
 * A table of the native dialect and these; `answered` are those in which this side never calls. Throws
 * `INTERNAL` when two rows use a port differently, and for a port without the native dialect on which two
 * dialects or both roles would call.
 */
export function createDialectTable(
  foreign: readonly ForeignDialect[],
  answered: readonly AnsweredDialect[] = [],
): DialectTable {
  const ports = new Map<string, PortUse>();
  for (const port of NATIVE.ports) ports.set(port.name, { ...port, isNative: true, foreign: [] });
  for (const dialect of foreign) for (const port of dialect.ports) addPort(ports, port, dialect);
  const uses = [...ports.values()];
  const callingPorts = (role: Role): PortUse[] =>
    uses.filter(({ callers }) => callers === role || callers === "both");
  return {
    rows: [NATIVE, ...foreign, ...answered],
    answered,
    besideNative: [...new Set(uses.filter(({ isNative }) => isNative).flatMap((use) => use.foreign))],
    portNames: new Set(ports.keys()),
    defaultPort: callingPorts("host")[0]?.name ?? "",
    portUse: (name) => ports.get(name),
    callingPorts,
  };
}

/** The names of the ports on which a host calls guests in the native dialect, the best one first. */
export function nativePorts(): string[] {
  return NATIVE.ports.filter(({ callers }) => callers !== "guest").map(({ name }) => name);
}

/** The other role. */
export function otherRole(role: Role): Role {
  return role === "host" ? "guest" : "host";
}

function addPort(ports: Map<string, PortUse>, port: DialectPort, dialect: ForeignDialect): void {
  const known = ports.get(port.name) ?? { ...port, isNative: false, foreign: [] };
  if (known.dialler !== port.dialler || known.callers !== port.callers) throw conflict(port.name, dialect);
  // Without a hello, only one dialect can be on a port. A call by the listener would need the dialler's
  // channel.
  if (!known.isNative && (known.foreign.length > 0 || port.callers !== port.dialler))
    throw conflict(port.name, dialect);
  ports.set(port.name, { ...known, foreign: [...known.foreign, dialect] });
}

function conflict(port: string, { name }: Dialect): NegotiatorError {
  return new NegotiatorError(
    "INTERNAL",
    `Dialect "${name}" cannot use port "${port}" in this way, or beside an earlier row`,
  );
}
