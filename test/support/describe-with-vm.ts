/**
 * Owns the tests that need a virtual machine: without one they are left out with a message, and fail in CI.
 */
import { describe } from "bun:test";
import { leaveOut } from "./leave-out.ts";
import { formatMissing, vmRequirements } from "./requirements.ts";
import type { Tool } from "./requirements.ts";

/**
 * Describes tests that boot virtual machines. If a requirement is missing, prints which tests it leaves out
 * and why; with `CI=true` it adds a test that fails. Besides QEMU, the tests need the programs `more`.
 */
export async function describeWithVm(name: string, body: () => void, more?: readonly Tool[]): Promise<void> {
  const requirements = await vmRequirements(more);
  if (requirements.ready) {
    describe(name, body);
    return;
  }
  leaveOut(name, formatMissing(name, requirements), body);
}
