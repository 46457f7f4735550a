/** Input of a call for a dialect that sends it in one piece. */
import { expect, test } from "bun:test";
import { createInputCollector } from "../../../src/peers/queued/input-collector.ts";
import { rejectionOf } from "../../support/error-of.ts";

test("pieces of input become one, up to the limit", async () => {
  const { writer, bytes } = createInputCollector({ limitBytes: 4, label: "old" });
  const piece = Buffer.from("ab");
  await writer.write(piece);
  piece.fill("x");
  await writer.write(Buffer.from("cd"));
  writer.end();
  expect(Buffer.from(await bytes).toString()).toBe("abcd");
  expect(writer.sentBytes).toBe(4);
});

test.each([
  [3, "TOO_LARGE", "The peer (old) takes at most 3 bytes of input"],
  [0, "UNSUPPORTED", "The peer (old) takes no input for a command"],
])(
  "with a limit of %d bytes, a longer input is refused with %s, and the whole never comes",
  async (limitBytes, code, words) => {
    const { writer, bytes } = createInputCollector({ limitBytes, label: "old" });
    const error = await rejectionOf(writer.write(Buffer.from("abcd")));
    expect(error).toMatchObject({ code, message: expect.stringContaining(words) });
    expect(await rejectionOf(bytes)).toBe(error);
  },
);

test("a refused input for which no caller waits does not end the program", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  try {
    const { writer } = createInputCollector({ limitBytes: 3, label: "old" });
    await rejectionOf(writer.write(Buffer.from("abcd")));
    // The runtime reports such a rejection in the next turn of its event loop.
    await new Promise((resolve) => void setImmediate(resolve));
  } finally {
    process.off("unhandledRejection", note);
  }
  expect(unhandled).toEqual([]);
});
