/** A file in the guest that grows while it is read. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import type { AgentCalls } from "../../../src/peers/qga/agent-calls.ts";
import { createGrowingFile } from "../../../src/peers/qga/growing-file.ts";
import { rejectionOf } from "../../support/error-of.ts";

const MISSING = new NegotiatorError("INTERNAL", "failed to open: No such file or directory");

/** Returns a file whose opens and pieces come from lists, and its calls. */
function createSample(opens: (number | Error)[], pieces: string[] = []) {
  const calls: string[] = [];
  const agent: Partial<AgentCalls> = {
    openFile: async (path, mode) => {
      calls.push(`open ${path} ${mode}`);
      const opened = opens.shift();
      if (typeof opened === "number") return opened;
      throw opened ?? MISSING;
    },
    readFile: async (handle) => {
      calls.push(`read ${handle}`);
      return Buffer.from(pieces.shift() ?? "");
    },
    closeFile: async (handle) => void calls.push(`close ${handle}`),
  };
  const take = async (bytes: Uint8Array): Promise<void> => void calls.push(`take ${String(bytes)}`);
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { file: createGrowingFile(agent as AgentCalls, "/out", take), calls };
}

test("a missing file has no bytes, is opened once it is there, and is closed once", async () => {
  const { file, calls } = createSample([MISSING, 7], ["ab", "", "c"]);
  const counts: number[] = [];
  for (let round = 0; round < 4; round++) counts.push(await file.passOn());
  expect(counts).toEqual([0, 2, 0, 1]);
  await file.close();
  await file.close();
  const opened = ["open /out r", "open /out r"];
  expect(calls).toEqual([...opened, "read 7", "take ab", "read 7", "read 7", "take c", "close 7"]);
});

test("a file with the handle 0 is open, and one that was never open is not closed", async () => {
  const { file, calls } = createSample([0], ["a"]);
  await file.close();
  expect(await file.passOn()).toBe(1);
  await file.close();
  expect(calls).toEqual(["open /out r", "read 0", "take a", "close 0"]);
});

test("a file that cannot be opened for another reason rejects with that reason", async () => {
  const { file } = createSample([new NegotiatorError("INTERNAL", "Permission denied")]);
  expect((await rejectionOf(file.passOn())).message).toBe("Permission denied");
});
