/** A file in the guest to which a command writes while we read it. */
import type { NegotiatorError } from "../../errors.ts";
import type { AgentCalls } from "./agent-calls.ts";

/** Such a file. It is opened when it is there. */
export type GrowingFile = {
  /** Passes on what is there now, one piece at most. Resolves with its number of bytes: 0 at the end. */
  passOn(): Promise<number>;
  close(): Promise<void>;
};

/** Creates a file that is not open. `take` gets its bytes in their order. */
export function createGrowingFile(
  calls: AgentCalls,
  path: string,
  take: (bytes: Uint8Array) => Promise<void>,
): GrowingFile {
  let handle: number | undefined;

  const open = async (): Promise<number | undefined> => {
    try {
      return await calls.openFile(path, "r");
    } catch (thrown) {
      if (isMissing(thrown)) return undefined;
      throw thrown;
    }
  };

  return {
    async passOn() {
      handle ??= await open();
      if (handle === undefined) return 0;
      const bytes = await calls.readFile(handle);
      if (bytes.length > 0) await take(bytes);
      return bytes.length;
    },
    async close() {
      if (handle !== undefined) await calls.closeFile(handle);
      handle = undefined;
    },
  };
}

/** The script makes the file after its start. Both agents have the system's words for it. */
function isMissing(thrown: unknown): thrown is NegotiatorError {
  return thrown instanceof Error && thrown.message.includes("No such file or directory");
}
