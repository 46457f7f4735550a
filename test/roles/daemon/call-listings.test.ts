/** One list at a time for each peer and user. */
import { expect, test } from "bun:test";
import { createListings } from "../../../src/roles/daemon/call-listings.ts";

/** Lists whose answers the test gives: `begun` has a function for each question that was asked. */
function create() {
  const begun: { guest: string | undefined; answer: (rows: string) => void }[] = [];
  const list = createListings<{ guest?: string }, string>(
    ({ guest }) => new Promise((answer) => begun.push({ guest, answer })),
  );
  return { begun, list, answer: (index: number, rows: string) => begun[index]?.answer(rows) };
}

test("a question during a list waits for the next one, and all that wait get the same", async () => {
  const { begun, list, answer } = create();
  const first = list({ guest: "a" }, { uid: 1 });
  const [second, third] = [list({ guest: "a" }, { uid: 1 }), list({ guest: "a" }, { uid: 1 })];
  expect(begun).toHaveLength(1);
  answer(0, "old");
  expect(await first).toBe("old");
  await Promise.resolve();
  expect(begun).toHaveLength(2);
  answer(1, "new");
  expect(await Promise.all([second, third])).toEqual(["new", "new"]);
});

test("a question during the second list gets a third one", async () => {
  const { begun, list, answer } = create();
  const first = list({}, undefined);
  const second = list({}, undefined);
  answer(0, "1");
  await first;
  await Promise.resolve();
  const third = list({}, undefined);
  answer(1, "2");
  expect(await second).toBe("2");
  await Promise.resolve();
  expect(begun).toHaveLength(3);
  answer(2, "3");
  expect(await third).toBe("3");
});

test("other peers and other users do not wait", () => {
  const { begun, list } = create();
  void list({ guest: "a" }, { uid: 1 });
  void list({ guest: "b" }, { uid: 1 });
  void list({ guest: "a" }, { uid: 2 });
  void list({ guest: "a" }, undefined);
  expect(begun.map(({ guest }) => guest)).toEqual(["a", "b", "a", "a"]);
});

test("after a list that no other question waited for, a question begins a list at once", async () => {
  const { begun, list, answer } = create();
  const first = list({ guest: "a" }, { uid: 1 });
  answer(0, "1");
  await first;
  await new Promise(setImmediate);
  void list({ guest: "a" }, { uid: 1 });
  expect(begun).toHaveLength(2);
});
