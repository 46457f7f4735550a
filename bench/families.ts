/** The families of rows, and the function that measures each. */
import type { BenchContext, Measure } from "./context.ts";
import { measureBulk } from "./families/bulk.ts";
import { measureCalls } from "./families/calls.ts";
import { measureGuestAgent } from "./families/guest-agent.ts";
import { measureIdleGuest } from "./families/idle-guest.ts";
import { measureManyGuests } from "./families/many-guests.ts";
import { measureReplacement } from "./families/replacement.ts";
import { measureSlowReader } from "./families/slow-reader.ts";
import { measureStarts } from "./families/starts.ts";
import { measureVirtualMachine } from "./families/virtual-machine.ts";
import type { FamilyName, Measured, Measurement, Row } from "./row.ts";

const FAMILIES: Readonly<Record<FamilyName, Measure>> = {
  bulk: measureBulk,
  "virtual-machine": measureVirtualMachine,
  calls: measureCalls,
  starts: measureStarts,
  "guest-agent": measureGuestAgent,
  "idle-guest": measureIdleGuest,
  "many-guests": measureManyGuests,
  "slow-reader": measureSlowReader,
  replacement: measureReplacement,
};

/** Measures the rows, one family after the other. The failure of a family fails its rows only. */
export async function measureRows(rows: readonly Row[], context: BenchContext): Promise<Measured[]> {
  const measured: Measured[] = [];
  for (const [family, own] of Map.groupBy(rows, (row) => row.family)) {
    const startMs = performance.now();
    const measurements = await measureFamily(family, own, context);
    const seconds = ((performance.now() - startMs) / 1000).toFixed(0);
    context.say(`${family}: measured in ${seconds} s`);
    for (const row of own) {
      const failed = { failed: "the family returned no figure" };
      measured.push({ row, measurement: measurements[row.name] ?? failed });
    }
  }
  return measured;
}

async function measureFamily(
  family: FamilyName,
  rows: readonly Row[],
  context: BenchContext,
): Promise<Readonly<Record<string, Measurement>>> {
  try {
    return await FAMILIES[family](context, new Set(rows.map(({ name }) => name)));
  } catch (thrown) {
    const failed = thrown instanceof Error ? thrown.message : String(thrown);
    return Object.fromEntries(rows.map(({ name }) => [name, { failed }]));
  }
}
