/** Tests house rules with planted violations, each in a file of its path. */
import { describe, expect, test } from "bun:test";
import type { HouseRule } from "./house-rule.ts";

/** One broken rule: the file's path and text, the line that the rule must name, and a part of its message. */
export type Planted = [path: string, text: string, line: number, says: string];

/** Adds one test for each violation: its rule must report that place, and no other. */
export function testPlanted<Rules extends Record<string, HouseRule>>(
  rules: Rules,
  planted: Readonly<Record<keyof Rules, readonly Planted[]>>,
): void {
  for (const [rule, check] of Object.entries(rules)) {
    describe(rule, () => {
      for (const [path, text, line, says] of planted[rule] ?? []) {
        test(`reports ${path}:${line} in ${JSON.stringify(text.slice(0, 70))}`, async () => {
          const found = await check([
            { path: "src/version.ts", text: "/** The version. */\nexport const VERSION = 1;\n" },
            { path, text },
          ]);
          expect(found).toEqual([{ path, line, message: expect.stringContaining(says) }]);
        });
      }
    });
  }
}
