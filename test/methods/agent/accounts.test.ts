/** Passwords go to the system's program, and keys to the user's file. */
import { expect, test } from "bun:test";
import { chmod, readFile, stat } from "node:fs/promises";
import { createAccountCommands } from "../../../src/methods/agent/accounts.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { createAgentCalls } from "./agent-call.ts";

/** Returns a machine with the user `ann`, whose passwords a program writes down. It ends with `exitCode`. */
async function createMachine(exitCode = 0) {
  const home = await createTemporaryDirectory();
  const note = `>>${home.at("passwords")}`;
  const script = `#!/bin/sh\necho "$*" ${note}\ncat ${note}\nexit ${exitCode}\n`;
  const changer = await home.write("chpasswd", script);
  await chmod(changer, 0o755);
  const user = { name: "ann", home: home.path, uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const { call } = createAgentCalls(
    createAccountCommands({
      findUser: async () => ({ ...user, shell: "/bin/sh", groups: [] }),
      findChanger: async () => changer,
    }),
  );
  return {
    home,
    setPassword: (username: string, password: string, crypted = false) =>
      call("guest-set-user-password", {
        username,
        password: Buffer.from(password).toString("base64"),
        crypted,
      }),
    passwords: () => readFile(home.at("passwords"), "utf8").catch(() => "none"),
    keys: (what: "get" | "add" | "remove", args: Record<string, unknown> = {}) =>
      call(`guest-ssh-${what}-authorized-keys`, { username: "ann", ...args }),
    file: () => readFile(home.at(".ssh/authorized_keys"), "utf8").catch(() => "none"),
    [Symbol.asyncDispose]: () => home[Symbol.asyncDispose](),
  };
}

test.each([
  [false, "\nann:s e:cret\n"],
  [true, "-e\nann:s e:cret\n"],
])("a password goes to the program on its input; encrypted: %p", async (crypted, expected) => {
  await using machine = await createMachine();
  expect(await machine.setPassword("ann", "s e:cret", crypted)).toEqual({});
  expect(await machine.passwords()).toBe(expected);
});

test.each([
  ["ann:x", "secret", false, "forbidden characters in username"],
  ["ann\nroot", "secret", false, "forbidden characters in username"],
  ["ann", "a\nroot:b", false, "forbidden characters in raw password"],
  ["ann", "a\nroot:b", true, "forbidden characters in crypted password"],
])(
  "the user %j with the password %j is refused, and nothing runs",
  async (name, password, crypted, message) => {
    await using machine = await createMachine();
    expect(await rejectionOf(machine.setPassword(name, password, crypted))).toMatchObject({
      code: "BAD_REQUEST",
      message,
    });
    expect(await machine.passwords()).toBe("none");
  },
);

test("a program that fails is an error", async () => {
  await using machine = await createMachine(1);
  expect(await rejectionOf(machine.setPassword("ann", "secret"))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "child process has failed to set user password",
  });
});

test("a machine without the program says so", async () => {
  const { call } = createAgentCalls(
    createAccountCommands({
      findUser: () => Promise.reject(new Error("unused")),
      findChanger: async () => undefined,
    }),
  );
  const args = { username: "ann", password: "", crypted: false };
  expect(await rejectionOf(call("guest-set-user-password", args))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "failed to locate 'chpasswd' binary",
  });
});

test("keys are added once, in their order, behind those that are there", async () => {
  await using machine = await createMachine();
  expect(await machine.keys("add", { keys: ["k1", "k2", ""] })).toEqual({});
  expect(await machine.keys("add", { keys: ["k2", "k3"] })).toEqual({});
  expect(await machine.file()).toBe("k1\nk2\nk3\n");
  expect(await machine.keys("add", { keys: ["k4"], reset: true })).toEqual({});
  expect(await machine.file()).toBe("k4\n");
});

test("comments and blank lines do not count as keys", async () => {
  await using machine = await createMachine();
  await machine.home.write(".ssh/authorized_keys", "# note\nk1\n\n  \n k2\n");
  expect(await machine.keys("get")).toEqual({ keys: ["k1", " k2"] });
});

test("keys are removed, and a file without them is not written again", async () => {
  await using machine = await createMachine();
  expect(await machine.keys("remove", { keys: ["k1"] })).toEqual({});
  expect(await machine.file()).toBe("none");
  await machine.keys("add", { keys: ["k1", "k2", "k3"] });
  const before = await stat(machine.home.at(".ssh/authorized_keys"));
  expect(await machine.keys("remove", { keys: ["k9"] })).toEqual({});
  expect((await stat(machine.home.at(".ssh/authorized_keys"))).ino).toBe(before.ino);
  expect(await machine.keys("remove", { keys: ["k1", "k3"] })).toEqual({});
  expect(await machine.file()).toBe("k2\n");
});

test.each([["add"], ["remove"]] as const)("%s refuses texts that are no key", async (what) => {
  await using machine = await createMachine();
  for (const key of ["k1\nk2", "# note"])
    expect(await rejectionOf(machine.keys(what, { keys: ["k1", key] }))).toMatchObject({
      code: "BAD_REQUEST",
      message: `invalid OpenSSH public key: '${key}'`,
    });
  expect(await machine.file()).toBe("none");
});

test("the system's users are looked up by name", async () => {
  const { call } = createAgentCalls(createAccountCommands());
  const username = "no-such-user";
  expect(await rejectionOf(call("guest-ssh-get-authorized-keys", { username }))).toMatchObject({
    code: "NOT_EXECUTABLE",
    message: "failed to lookup user 'no-such-user'",
  });
});
