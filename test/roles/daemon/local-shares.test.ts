/** Shares of local users: one user cannot take what others need, and root always finds room. */
import { expect, test } from "bun:test";
import { NegotiatorError } from "../../../src/errors.ts";
import { createLocalShares } from "../../../src/roles/daemon/local-shares.ts";
import type { LocalShares } from "../../../src/roles/daemon/local-shares.ts";
import { createPeerShares } from "../../../src/roles/daemon/peer-shares.ts";
import type { CallerInfo } from "../../../src/wire/message.ts";

const words = {
  what: (whose: string) => `calls of ${whose}`,
  remedyFor: ({ uid }: CallerInfo) => `Look at ${uid ?? "all"}`,
};
const createTwo = (): LocalShares => createLocalShares({ ofUser: 2, ofAll: 3 }, words);

function taken(shares: LocalShares, user: CallerInfo): Disposable {
  const place = shares.take(user);
  if (place instanceof NegotiatorError) throw place;
  return place;
}

function refusal(shares: LocalShares, user: CallerInfo): string {
  const place = shares.take(user);
  return place instanceof NegotiatorError ? `${place.code} ${place.message}` : "taken";
}

test("a user takes as many places as its share has, and gets BUSY for one more", () => {
  const shares = createTwo();
  taken(shares, { uid: 7 });
  taken(shares, { uid: 7 });
  expect(refusal(shares, { uid: 7 })).toBe("BUSY Too many calls of the local user 7 (2 of 2)\nLook at 7");
  expect(refusal(shares, { uid: 8 })).toBe("taken");
});

test("the last place of all users is given, and the next one is refused with words about all", () => {
  const shares = createTwo();
  taken(shares, { uid: 7 });
  taken(shares, { uid: 7 });
  taken(shares, { uid: 8 });
  expect(refusal(shares, { uid: 8 })).toBe("BUSY Too many calls of all local users (3 of 3)\nLook at all");
});

test("root takes places when all are taken, and its places count for no share", () => {
  const shares = createTwo();
  for (let count = 0; count < 5; count++) taken(shares, { uid: 0 });
  expect(shares.isEmpty).toBe(true);
  for (const uid of [7, 7, 8]) taken(shares, { uid });
  expect(refusal(shares, { uid: 0 })).toBe("taken");
});

test("a place that was given back twice is free once", () => {
  const shares = createTwo();
  const first = taken(shares, { uid: 7 });
  taken(shares, { uid: 7 });
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  expect(shares.isEmpty).toBe(false);
  expect(refusal(shares, { uid: 7 })).toBe("taken");
  expect(refusal(shares, { uid: 7 })).toContain("(2 of 2)");
});

test("shares are empty again when the last place was given back", () => {
  const shares = createTwo();
  expect(shares.isEmpty).toBe(true);
  const places = [taken(shares, { uid: 7 }), taken(shares, { uid: 7 }), taken(shares, { uid: 8 })];
  for (const place of places) {
    expect(shares.isEmpty).toBe(false);
    place[Symbol.dispose]();
  }
  expect(shares.isEmpty).toBe(true);
  for (const uid of [7, 7, 8]) taken(shares, { uid });
});

test("a refusal names the user by its name, else its number, else that it has none", () => {
  const shares = createLocalShares({ ofUser: 0, ofAll: 0 }, words);
  const first = (user: CallerInfo): string => refusal(shares, user).split("\n")[0] ?? "";
  expect(first({ uid: 7, name: "eve\n" })).toContain('user "eve\\n" (');
  expect(first({ uid: 7 })).toContain("user 7 (");
  expect(first({})).toContain("user without credentials (");
});

/** Takes places until there is none left. Returns how many, and the refusal. */
function takeAll(take: () => Disposable): { count: number; message: string; places: Disposable[] } {
  const places: Disposable[] = [];
  for (;;) {
    try {
      places.push(take());
    } catch (thrown) {
      return { count: places.length, message: NegotiatorError.from(thrown).message, places };
    }
  }
}

test("a user has 32 calls and 8 short calls to a guest at once, and others find places there", () => {
  const shares = createPeerShares();
  const user = { uid: 7 };
  const calls = takeAll(() => shares.takeCall("web1", user));
  expect(calls.count).toBe(32);
  expect(calls.message).toStartWith('Too many calls of the local user 7 to "web1" (32 of 32)\n');
  expect(calls.message).toContain("ps -u 7 -o");
  const short = takeAll(() => shares.takeWord("web1", user));
  expect(short.count).toBe(8);
  expect(short.message).toStartWith('Too many short calls of the local user 7 to "web1" (8 of 8)\n');
  shares.takeCall("web1", { uid: 8 });
  shares.takeWord("web1", { uid: 8 });
  shares.takeCall("web2", user);
});

test("all users have 96 calls and 16 short calls to the host at once, and root more", () => {
  const shares = createPeerShares();
  let uid = 1;
  const calls = takeAll(() => shares.takeCall(undefined, { uid: uid++ }));
  expect(calls.count).toBe(96);
  expect(calls.message).toStartWith("Too many calls of all local users to the host (96 of 96)\n");
  expect(calls.message).toContain("ps -eo user");
  expect(takeAll(() => shares.takeWord(undefined, { uid: uid++ })).count).toBe(16);
  shares.takeCall(undefined, { uid: 0 });
});

test("callers without credentials share one place of a user", () => {
  const shares = createPeerShares();
  expect(takeAll(() => shares.takeCall("web1", undefined)).count).toBe(32);
  expect(takeAll(() => shares.takeCall("web1", {})).count).toBe(0);
});

test("one call that ends frees one place, while the others of the guest still count", () => {
  const shares = createPeerShares();
  const { places } = takeAll(() => shares.takeCall("web1", { uid: 7 }));
  places[0]?.[Symbol.dispose]();
  expect(takeAll(() => shares.takeCall("web1", { uid: 7 })).count).toBe(1);
});
