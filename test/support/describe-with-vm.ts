/** Owns what a test run does where VMs cannot be had: it says so, and in CI it fails. */
import { describe, test } from "bun:test";
import { formatMissing, vmRequirements } from "./requirements.ts";
import type { Tool } from "./requirements.ts";

/**
 * `describe` for tests that boot VMs: where requirements are missing it prints what is left out and why,
 * and with CI=true it fails. `more` programs are needed, and installed, as QEMU is.
 */
export async function describeWithVm(name: string, body: () => void, more?: readonly Tool[]): Promise<void> {
  const requirements = await vmRequirements(more);
  if (requirements.ready) {
    describe(name, body);
    return;
  }
  const reason = formatMissing(name, requirements);
  if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(reason);
    });
  } else {
    console.warn(reason);
    describe.skip(name, body);
  }
}
