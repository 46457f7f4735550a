/** THE TABLE of dialects. To add a dialect, add a folder that defines its row, and list the row here. */
import { createDialectTable } from "./dialect-table.ts";
import { AGENT } from "./qga/agent.ts";
import { LEGACY } from "./legacy/legacy.ts";
import { OLDEST } from "./oldest/oldest.ts";
import { QGA } from "./qga/qga.ts";

/** All dialects of this program. */
export const DIALECTS = createDialectTable([LEGACY, OLDEST, AGENT], [QGA]);
