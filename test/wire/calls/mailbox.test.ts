/** Messages inside a call, before and after a listener is set. */
import { expect, test } from "bun:test";
import { createMailbox } from "../../../src/wire/calls/mailbox.ts";
import type { KeptMessage } from "../../../src/wire/calls/mailbox.ts";

/** The names of the messages that the mailbox passes on. */
function listen(mailbox: ReturnType<typeof createMailbox>): string[] {
  const names: string[] = [];
  mailbox.listen((name) => void names.push(name));
  return names;
}

test("messages wait for the listener in their order, and later ones go to it at once", () => {
  const mailbox = createMailbox([{ name: "first", value: 1 }]);
  mailbox.take("second", { a: 2 });
  const waiting: KeptMessage[] = [
    { name: "first", value: 1 },
    { name: "second", value: { a: 2 } },
  ];
  expect(mailbox.peek()).toEqual(waiting);
  const got: KeptMessage[] = [];
  mailbox.listen((name, value) => void got.push({ name, value }));
  mailbox.take("third", 3);
  expect(got).toEqual([...waiting, { name: "third", value: 3 }]);
  expect(mailbox.peek()).toEqual([]);
  // A second listener gets no message twice.
  expect(listen(mailbox)).toEqual([]);
});

test("32 messages wait, and further ones are dropped until a listener is there", () => {
  const mailbox = createMailbox();
  for (let number = 0; number < 40; number++) mailbox.take(`m${number}`, null);
  const names = listen(mailbox);
  expect([names.length, names.at(-1)]).toEqual([32, "m31"]);
  mailbox.take("later", null);
  expect(names.at(-1)).toBe("later");
});

test("messages of 16 KiB with their names wait, and one byte more does not", () => {
  // One byte for the name, and three for the quotes and the comma.
  const [fits, over] = [createMailbox(), createMailbox()];
  fits.take("a", "x".repeat(16 * 1024 - 4));
  over.take("a", "x".repeat(16 * 1024 - 3));
  expect([listen(fits), listen(over)]).toEqual([["a"], []]);
  const full = createMailbox();
  full.take("a", "x".repeat(16 * 1024 - 4));
  full.take("b", null);
  expect(listen(full)).toEqual(["a"]);
});
