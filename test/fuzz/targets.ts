/** THE TABLE of fuzz targets. */
import type { FuzzTarget } from "./fuzz-target.ts";
import { FILE_TARGETS } from "./targets/files.ts";
import { GUEST_TARGETS } from "./targets/guests.ts";
import { WIRE_TARGETS } from "./targets/wire.ts";
import { WORD_TARGETS } from "./targets/words.ts";

/** Every target, by its name. */
export const TARGETS: Readonly<Record<string, FuzzTarget>> = {
  ...WIRE_TARGETS,
  ...FILE_TARGETS,
  ...GUEST_TARGETS,
  ...WORD_TARGETS,
};
