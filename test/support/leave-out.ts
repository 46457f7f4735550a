/** Leaves tests out on a machine that lacks a requirement of theirs. */
import { describe, test } from "bun:test";

/** Prints why the tests are left out. With `CI=true` it adds a test that fails instead. */
export function leaveOut(name: string, reason: string, body: () => void): void {
  if (process.env["CI"] === "true") {
    test(name, () => {
      throw new Error(reason);
    });
  } else {
    console.warn(reason);
    describe.skip(name, body);
  }
}
