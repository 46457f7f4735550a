/** THE TABLE of dialects: one row each. A new dialect is a row here and a folder that makes the row. */
import { createDialectTable } from "./dialect-table.ts";
import { LEGACY } from "./legacy/legacy.ts";

/** All dialects that this program speaks. */
export const DIALECTS = createDialectTable([LEGACY]);
