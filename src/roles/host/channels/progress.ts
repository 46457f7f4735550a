/** Shows on a terminal how many of many things are done. */
import { standardOutput } from "../../../standard-output.ts";
import { terminalSize } from "../../cli/streams.ts";

/** `end` removes the line again. */
export type Progress = { step: () => void; end: () => void };

/** Fewer things are done before a person wonders. */
const FEWEST = 5;

/** Returns the progress of `total` things, on stderr if that is a terminal. */
export async function createProgress(total: number): Promise<Progress> {
  const isShown = total >= FEWEST && (await terminalSize("stderr")) !== undefined;
  const write = (text: string): void => {
    if (isShown) void standardOutput.write("stderr", text);
  };
  let done = 0;
  return {
    step: () => write(`\r${++done} of ${total} domains`),
    end: () => write("\r\x1b[K"),
  };
}
