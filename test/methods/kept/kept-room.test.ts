/** Ended detached commands give way to new ones, so that no user and no peer keeps out the others. */
import { expect, test } from "bun:test";
import type { Asker } from "../../../src/methods/kept/kept-command.ts";
import { createKeptCommands } from "../../../src/methods/kept/kept-commands.ts";
import type { KeptCommands } from "../../../src/methods/kept/kept-commands.ts";
import { errorOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { ENDED_RESULT, UNTRUNCATED } from "./ended-command.ts";

const LIMITS = { ofPeer: 3, ofAll: 5, memoryBytes: 10, mostBytes: 1000, keepMs: 60_000, mostKeepMs: 90_000 };

function asker(peer: string, uid?: number): Asker {
  return { peer: { via: "guest", name: peer }, user: uid === undefined ? undefined : { uid } };
}

/** Makes a set, and a function that adds a command: its id begins with "r" if it runs, else it ends. */
async function createRoom() {
  const spool = await createTemporaryDirectory();
  const kept = createKeptCommands({ directory: spool.path, ...LIMITS });
  const begin = (id: string, who: Asker): void => {
    const command = kept.begin(who, { id, command: "show", keepMs: undefined });
    if (!id.startsWith("r")) command.finish(ENDED_RESULT, UNTRUNCATED);
  };
  const dispose = async (): Promise<void> => {
    await kept[Symbol.asyncDispose]();
    await spool[Symbol.asyncDispose]();
  };
  return { kept, begin, [Symbol.asyncDispose]: dispose };
}

function idsOf(kept: KeptCommands): string[] {
  return kept.list().map(({ id }) => id);
}

test("the oldest ended command of a peer gives way to its next one", async () => {
  await using room = await createRoom();
  for (const id of ["r1", "e2", "e3", "r4"]) room.begin(id, asker("a"));
  expect(idsOf(room.kept)).toEqual(["r1", "e3", "r4"]);
});

test("a peer whose commands all run gets no further one, and another peer does", async () => {
  await using room = await createRoom();
  for (const id of ["r1", "r2", "r3"]) room.begin(id, asker("a"));
  expect(errorOf(() => room.begin("r4", asker("a")))).toMatchObject({
    code: "BUSY",
    message:
      'Cannot detach the call: there are 3 detached calls of guest "a" already\n' +
      "Wait for some of them, or cancel them: see the subcommand calls",
  });
  room.begin("r4", asker("b"));
  expect(idsOf(room.kept)).toEqual(["r1", "r2", "r3", "r4"]);
});

test("the user with the most gives way first, and a user never to one who has as many", async () => {
  await using room = await createRoom();
  room.begin("e1", asker("a", 7));
  room.begin("e2", asker("a", 8));
  room.begin("e3", asker("a", 8));
  room.begin("e4", asker("a", 9));
  expect(idsOf(room.kept)).toEqual(["e1", "e3", "e4"]);
  // Now each user has one, and only the own one gives way.
  room.begin("e5", asker("a", 9));
  expect(idsOf(room.kept)).toEqual(["e1", "e3", "e5"]);
});

test("a user whose own command runs takes no place of a user with as many, and root does", async () => {
  await using room = await createRoom();
  room.begin("e1", asker("a", 7));
  room.begin("e2", asker("a", 8));
  room.begin("r3", asker("a", 9));
  expect(errorOf(() => room.begin("r4", asker("a", 9)))).toMatchObject({ code: "BUSY" });
  room.begin("r4", asker("a", 0));
  expect(idsOf(room.kept)).toEqual(["e2", "r3", "r4"]);
});

test("where all peers together have too many, the peer with the most gives way", async () => {
  await using room = await createRoom();
  for (const id of ["e1", "e2"]) room.begin(id, asker("a"));
  for (const id of ["e3", "e4", "e5"]) room.begin(id, asker("b"));
  room.begin("e6", asker("a"));
  expect(idsOf(room.kept)).toEqual(["e1", "e2", "e4", "e5", "e6"]);
});

test("a peer without a command gets one in any case, and none after it", async () => {
  await using room = await createRoom();
  for (const id of ["r1", "r2", "r3"]) room.begin(id, asker("a"));
  for (const id of ["r4", "r5"]) room.begin(id, asker("b"));
  room.begin("r6", asker("c"));
  expect(errorOf(() => room.begin("r7", asker("c")))).toMatchObject({
    code: "BUSY",
    message: expect.stringContaining("there are 5 detached calls of all callers already"),
  });
  expect(idsOf(room.kept)).toEqual(["r1", "r2", "r3", "r4", "r5", "r6"]);
});

test("the only command of a peer does not give way to another peer", async () => {
  await using room = await createRoom();
  for (const peer of ["a", "b", "c"]) room.begin(`e-${peer}`, asker(peer));
  for (const id of ["r1", "r2"]) room.begin(id, asker("d"));
  expect(errorOf(() => room.begin("r3", asker("d")))).toMatchObject({ code: "BUSY" });
  expect(idsOf(room.kept)).toEqual(["e-a", "e-b", "e-c", "r1", "r2"]);
});
