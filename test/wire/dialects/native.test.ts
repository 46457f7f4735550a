/** The native envelope, by its table. */
import { describeEnvelope } from "./conformance.ts";
import { nativeTable } from "./native-table.ts";

describeEnvelope(nativeTable);
