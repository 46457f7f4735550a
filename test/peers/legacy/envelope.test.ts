/** The envelope of python-negotiator, tested by its table. */
import { expect, test } from "bun:test";
import { legacyEnvelope } from "../../../src/peers/legacy/envelope.ts";
import { describeEnvelope } from "../../wire/dialects/conformance.ts";
import { legacyTable } from "./legacy-table.ts";

describeEnvelope(legacyTable);

test("a DEL in a legacy result is escaped as \\u007f, as Python does", () => {
  const bytes = legacyEnvelope.encode({ kind: "result", result: "a\u007f" });
  expect(new TextDecoder().decode(bytes)).toBe('38\n{"result": "a\\u007f", "success": true}');
});
