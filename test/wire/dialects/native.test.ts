/** The native envelope passes the tests of a dialect. */
import { describeEnvelope } from "./conformance.ts";
import { nativeTable } from "./native-table.ts";

describeEnvelope(nativeTable);
