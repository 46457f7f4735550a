/** The envelope of python-negotiator, tested by its table. */
import { expect, test } from "bun:test";
import { legacyEnvelope } from "../../../src/peers/legacy/envelope.ts";
import { describeEnvelope } from "../../wire/dialects/conformance.ts";
import { legacyTable } from "./legacy-table.ts";

describeEnvelope(legacyTable);

// DEL lies outside of the range from blank to tilde, and Python escapes all such characters.
test("a DEL in a legacy result is written as \\u007f", () => {
  const bytes = legacyEnvelope.encode({ kind: "result", result: "a\u007f" });
  expect(new TextDecoder().decode(bytes)).toBe('38\n{"result": "a\\u007f", "success": true}');
});
