/** THE TABLE of cases. */
import type { ChaosCase } from "./case.ts";
import { CLOCK_CASES } from "./events/clocks.ts";
import { DAEMON_CASES } from "./events/daemons.ts";
import { GUEST_CASES } from "./events/guests.ts";
import { MACHINE_CASES } from "./events/machines.ts";
import { MEMORY_CASES } from "./events/memory.ts";
import { PORT_CASES } from "./events/ports.ts";
import { RESOURCE_CASES } from "./events/resources.ts";
import { UPGRADE_CASES } from "./events/upgrades.ts";

/** Every case, by its name. */
export const CASES: Readonly<Record<string, ChaosCase>> = {
  ...PORT_CASES,
  ...DAEMON_CASES,
  ...UPGRADE_CASES,
  ...RESOURCE_CASES,
  ...MEMORY_CASES,
  ...CLOCK_CASES,
  ...GUEST_CASES,
  ...MACHINE_CASES,
};

/** Returns the names that the options choose, in the order of the table. Throws for an unknown name. */
export function chooseCases({
  only,
  hasMachine,
}: {
  only: readonly string[];
  hasMachine: boolean;
}): string[] {
  const names = Object.keys(CASES);
  const unknown = only.find((name) => !names.includes(name));
  if (unknown !== undefined) throw new Error(`no case "${unknown}"; the cases are: ${names.join(", ")}`);
  if (only.length > 0) return names.filter((name) => only.includes(name));
  return names.filter((name) => hasMachine || CASES[name]?.kind !== "machine");
}
