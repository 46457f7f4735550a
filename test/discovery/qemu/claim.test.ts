/** The claim of a QEMU process: its guest and its sockets, by its command line and its directory. */
import { expect, test } from "bun:test";
import { mkdir, symlink } from "node:fs/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { readClaim } from "../../../src/discovery/qemu/claim.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const PORT = "negotiator-host-to-guest.0";
const OTHER_PORT = "negotiator-channel.0";
const PID = 4711;
const FACTS = { pid: PID, startTicks: 1, parentPid: 1, uids: [0, 0, 0, 0] };
const UUID = "64800e11-3e0a-4844-b181-5e5b9a9fed46";

/** The words that give a guest a port on this socket. */
function socketAt(path: string, port = PORT, id = "c0"): string[] {
  const chardev = `socket,id=${id},path=${path},server=on,wait=off`;
  return ["-chardev", chardev, "-device", `virtserialport,chardev=${id},name=${port}`];
}

/** Text, of which each character is a byte. */
const bytesOf = (text: string): Uint8Array => Buffer.from(text, "latin1");

type Line = readonly string[] | NegotiatorError | undefined;

/** Reads the claim of a process with these words, one byte a character, in the directory `cwd`. */
async function claimOf(words: Line, cwd: string | Uint8Array = "/vm") {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at(String(PID)));
  await symlink(Buffer.from(cwd), directory.at(String(PID), "cwd"));
  const { signal } = new AbortController();
  const asked: unknown[] = [];
  const claim = await readClaim(FACTS, {
    ports: new Set([PORT, OTHER_PORT]),
    procDirectory: directory.path,
    lines: {
      async read(owner, given) {
        asked.push(owner, given === signal);
        if (words instanceof NegotiatorError) throw words;
        return words === undefined ? undefined : bytesOf(["qemu", ...words, ""].join("\0"));
      },
      keep: () => undefined,
    },
    signal,
  });
  expect(asked).toEqual([FACTS, true]);
  return claim;
}

test("a process claims its guest's name and UUID, and the sockets of known ports", async () => {
  const words = ["-name", "web1", "-uuid", UUID, ...socketAt("/run/w"), ...socketAt("/run/x", "other", "c1")];
  expect(await claimOf(words)).toStrictEqual({
    facts: FACTS,
    name: "web1",
    isNameExact: true,
    uuid: UUID,
    sockets: [{ port: PORT, path: "/run/w" }],
    unfit: [],
    line: ["qemu", ...words, ""].join("\0"),
  });
});

test("the name of the program and the last word are not options", async () => {
  expect(await claimOf(["-name", "web1", "-device", "virtserialport"])).toBeUndefined();
  expect((await claimOf([...socketAt("/run/w"), "-name", "last"]))?.name).toBe("last");
});

test("a guest without a name has its UUID for one, and without both its process", async () => {
  expect(await claimOf(["-uuid", UUID, ...socketAt("/run/w")])).toMatchObject({ name: UUID, uuid: UUID });
  const unnamed = await claimOf(socketAt("/run/w"));
  expect(unnamed).toMatchObject({ name: `qemu-${PID}`, isNameExact: true });
  expect(unnamed).not.toHaveProperty("uuid");
});

test("relative sockets start at the directory of the process", async () => {
  const words = [...socketAt("w.sock"), ...socketAt("../x", OTHER_PORT, "c1")];
  expect((await claimOf(words, "/vm/web1"))?.sockets).toEqual([
    { port: PORT, path: "/vm/web1/w.sock" },
    { port: OTHER_PORT, path: "/vm/x" },
  ]);
});

test("a port that cannot be used is a claim too", async () => {
  const words = ["-chardev", "pty,id=c0", "-device", `virtserialport,chardev=c0,name=${PORT}`];
  expect(await claimOf(words)).toMatchObject({
    sockets: [],
    unfit: [{ port: PORT, kind: 'a chardev of the kind "pty"' }],
  });
});

test("a process without known ports, and one that has ended, claim nothing", async () => {
  expect(await claimOf(["-name", "web1", ...socketAt("/run/w", "other")])).toBeUndefined();
  expect(await claimOf(undefined)).toBeUndefined();
});

test("a command line that cannot be read is an error", async () => {
  const late = new NegotiatorError("TIMEOUT", "too late");
  expect((await rejectionOf(claimOf(late))).code).toBe("TIMEOUT");
});

test.each([
  ["a name that is not UTF-8", ["-name", "\xff", ...socketAt("/run/w")], false, "/run/w"],
  ["a socket that is not UTF-8", ["-name", "web1", ...socketAt("/run/\xff")], true, undefined],
  ["another word that is not UTF-8", ["-name", "web1", "-x", "\xff", ...socketAt("/run/w")], true, "/run/w"],
  [
    "the sign for unknown bytes as a name",
    ["-name", "\xef\xbf\xbd", ...socketAt("/run/\xef\xbf\xbd")],
    true,
    "/run/\ufffd",
  ],
])("of a command line with %s, only its exact texts count", async (_, words, isNameExact, path) => {
  const claim = await claimOf(words);
  expect({ isNameExact: claim?.isNameExact, sockets: claim?.sockets }).toEqual({
    isNameExact,
    sockets: [{ port: PORT, path }],
  });
});

test("in a directory that is not UTF-8, only absolute sockets are known", async () => {
  const words = [...socketAt("w.sock"), ...socketAt("/run/../x", OTHER_PORT, "c1")];
  expect((await claimOf(words, bytesOf("/vm/\xff")))?.sockets).toEqual([
    { port: PORT, path: undefined },
    { port: OTHER_PORT, path: "/x" },
  ]);
});
