/** Asks systemd about units. */
import { existsSync } from "node:fs";
import type { Role } from "../../peers/dialect.ts";
import { askTool } from "./tool.ts";

/** The properties of a unit, by their names in systemd. */
export type Unit = Readonly<Record<string, string>>;

const PROPERTIES =
  "Id,LoadState,ActiveState,SubState,Result,UnitFileState,NRestarts,NeedDaemonReload,ExecStart," +
  "FragmentPath,DropInPaths";

/** Resolves with what systemd knows of each unit, in order; with fewer or none if it does not answer. */
export async function askUnits(names: readonly string[], signal: AbortSignal): Promise<Unit[]> {
  const argv = ["systemctl", "show", ...names, `--property=${PROPERTIES}`];
  const text = (await askTool(argv, signal))?.stdout ?? "";
  return text
    .split("\n\n")
    .map((part) =>
      Object.fromEntries(
        part.split("\n").flatMap((line) => {
          const [, key = "", value = ""] = /^(\w+)=(.*)$/.exec(line) ?? [];
          return key === "" ? [] : [[key, value]];
        }),
      ),
    )
    .filter((unit) => Object.keys(unit).length > 0);
}

/** Resolves with what systemd knows of the service of a role; undefined without systemd or its answer. */
export async function readUnit(role: Role): Promise<Unit | undefined> {
  if (!existsSync("/run/systemd/system")) return undefined;
  const { signal } = new AbortController();
  const [unit] = await askUnits([`negotiator-${role}.service`], signal);
  return unit;
}

/** Returns the drop-ins of a unit that its administrator has made; those of packages are in `/usr`. */
export function changesOf({ DropInPaths = "" }: Unit): string[] {
  return DropInPaths.split(" ").filter((path) => path !== "" && !/^\/(?:usr\/)?lib\//.test(path));
}
