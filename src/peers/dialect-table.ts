/**
 * Looks things up in the rows of dialects: which ports there are, who uses them for what, and what is spoken
 * there.
 */
import { NegotiatorError } from "../errors.ts";
import type { Dialect, DialectPort, ForeignDialect, Role } from "./dialect.ts";
import { NATIVE } from "./native.ts";

/** A port and the dialects that can be spoken on it. */
export type PortUse = DialectPort & {
  /** Whether the native dialect is one of them. */
  isNative: boolean;
  /** The foreign dialects among them. */
  foreign: readonly ForeignDialect[];
};

/** The rows, and answers made from them. */
export type DialectTable = {
  readonly rows: readonly Dialect[];
  /** The foreign dialects that share ports with the native one, where the hello tells which is spoken. */
  readonly besideNative: readonly ForeignDialect[];
  /** The names of all ports. */
  readonly portNames: ReadonlySet<string>;
  /** The port that is meant where none is named: on it the host calls its guest. */
  readonly defaultPort: string;
  /** Undefined for a port that no dialect uses. */
  portUse(name: string): PortUse | undefined;
  /** The ports over which this role may call, native ones first, the best of each dialect first. */
  callingPorts(role: Role): readonly PortUse[];
};

/**
 * A table of the native dialect and these. Throws `INTERNAL` when two rows use one port in different ways.
 */
export function createDialectTable(foreign: readonly ForeignDialect[]): DialectTable {
  const ports = new Map<string, PortUse>();
  for (const port of NATIVE.ports) ports.set(port.name, { ...port, isNative: true, foreign: [] });
  for (const dialect of foreign) for (const port of dialect.ports) addPort(ports, port, dialect);
  const uses = [...ports.values()];
  const callingPorts = (role: Role): PortUse[] =>
    uses.filter(({ callers }) => callers === role || callers === "both");
  return {
    rows: [NATIVE, ...foreign],
    besideNative: [...new Set(uses.filter(({ isNative }) => isNative).flatMap((use) => use.foreign))],
    portNames: new Set(ports.keys()),
    defaultPort: callingPorts("host")[0]?.name ?? "",
    portUse: (name) => ports.get(name),
    callingPorts,
  };
}

/** The other role. */
export function otherRole(role: Role): Role {
  return role === "host" ? "guest" : "host";
}

function addPort(ports: Map<string, PortUse>, port: DialectPort, dialect: ForeignDialect): void {
  const known = ports.get(port.name) ?? { ...port, isNative: false, foreign: [] };
  if (known.dialler !== port.dialler || known.callers !== port.callers) throw conflict(port.name, dialect);
  ports.set(port.name, { ...known, foreign: [...known.foreign, dialect] });
}

function conflict(port: string, { name }: Dialect): NegotiatorError {
  return new NegotiatorError(
    "INTERNAL",
    `The dialect "${name}" uses port "${port}" in another way than a row before it`,
  );
}
