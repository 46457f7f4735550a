/** The dialects, each by its table. A new dialect is one more table here. */
import { expect, test } from "bun:test";
import { legacy } from "../../src/wire/dialects/legacy.ts";
import { describeDialect } from "./conformance.ts";
import { legacyTable } from "./legacy-table.ts";
import { nativeTable } from "./native-table.ts";

describeDialect(nativeTable);
describeDialect(legacyTable);

// Python escapes everything outside of blank to tilde, and so DEL.
test("legacy text is escaped as the original escapes it, DEL too", () => {
  const bytes = legacy.encode({ kind: "result", result: "a\u007f" });
  expect(new TextDecoder().decode(bytes)).toBe('38\n{"result": "a\\u007f", "success": true}');
});
