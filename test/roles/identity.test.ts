/** The ids of calls, sessions and hellos. */
import { expect, spyOn, test } from "bun:test";
import { makeId } from "../../src/roles/identity.ts";

test("an id has 22 printable characters without a dash in front, and each is another one", () => {
  const ids = Array.from({ length: 1000 }, makeId);
  for (const id of ids) expect(id).toMatch(/^\w[\w-]{21}$/);
  expect(new Set(ids).size).toBe(1000);
});

// QEMU's loadvm takes the random numbers of a guest back to their state in the snapshot.
test("ids differ although the random numbers repeat", () => {
  const random = spyOn(crypto, "getRandomValues").mockImplementation((bytes) => bytes);
  try {
    const ids = Array.from({ length: 1000 }, makeId);
    for (const id of ids) expect(id).toMatch(/^[\w-]{22}$/);
    expect(new Set(ids).size).toBe(1000);
  } finally {
    random.mockRestore();
  }
});
