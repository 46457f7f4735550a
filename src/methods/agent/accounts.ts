/** `guest-set-user-password` and `guest-ssh-*-authorized-keys`. */
import { NegotiatorError } from "../../errors.ts";
import { run } from "../../process/run.ts";
import { findProgram } from "../../process/program-path.ts";
import { createUserCache } from "../../process/user-cache.ts";
import type { User } from "../../trust/users.ts";
import { base64, flag, invalid, listOf, optional, text } from "./agent-arguments.ts";
import { defineAgentCommand, failed } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { readKeys, writeKeys } from "./authorized-keys.ts";

/** The users are the system's as they are now, and names of clients must not fill a cache. */
async function findUser(name: string): Promise<User> {
  try {
    return await createUserCache().find(name);
  } catch {
    throw failed(`failed to lookup user '${name}'`);
  }
}

/** How the commands find a user, and the program that changes passwords (chpasswd(8)). */
export type AccountTools = {
  findUser: (name: string) => Promise<User>;
  findChanger: () => Promise<string | undefined>;
};

const SYSTEM: AccountTools = { findUser, findChanger: () => findProgram("chpasswd") };

/** Returns the commands. */
export function createAccountCommands(tools = SYSTEM): AgentCommand[] {
  return [createSetPassword(tools), ...createKeyCommands(tools)];
}

const createSetPassword = ({ findChanger }: AccountTools): AgentCommand =>
  defineAgentCommand({
    name: "guest-set-user-password",
    access: "ruled",
    args: { username: text, password: base64, crypted: flag },
    async run({ username, password, crypted }) {
      if (/[\n:]/.test(username)) throw invalid("forbidden characters in username");
      const secret = Buffer.from(password);
      if (secret.includes(0x0a))
        throw invalid(`forbidden characters in ${crypted ? "crypted" : "raw"} password`);
      await changePassword(
        Buffer.concat([Buffer.from(`${username}:`), secret, Buffer.from("\n")]),
        crypted,
        await findChanger(),
      );
      return {};
    },
  });

const createKeyCommands = ({ findUser: find }: AccountTools): AgentCommand[] => [
  defineAgentCommand({
    name: "guest-ssh-get-authorized-keys",
    access: "ruled",
    args: { username: text },
    async run({ username }) {
      const keys = await readKeys(await find(username));
      return { keys: keys.filter((line) => line.trim() !== "" && !line.startsWith("#")) };
    },
  }),
  defineAgentCommand({
    name: "guest-ssh-add-authorized-keys",
    access: "ruled",
    args: { username: text, keys: listOf(text), reset: optional(flag) },
    async run({ username, keys, reset = false }) {
      const wanted = checkKeys(keys);
      const user = await find(username);
      const before = reset ? [] : await readKeys(user, "may be missing");
      await writeKeys(user, [...before, ...wanted.filter((key) => !before.includes(key))]);
      return {};
    },
  }),
  defineAgentCommand({
    name: "guest-ssh-remove-authorized-keys",
    access: "ruled",
    args: { username: text, keys: listOf(text) },
    async run({ username, keys }) {
      const unwanted = checkKeys(keys);
      const user = await find(username);
      const before = await readKeys(user, "may be missing");
      const after = before.filter((line) => !unwanted.includes(line));
      if (after.length < before.length) await writeKeys(user, after);
      return {};
    },
  }),
];

/** Returns the keys. virsh sends an empty one for the end of the last line of its file. */
function checkKeys(keys: readonly string[]): string[] {
  const wrong = keys.find((key) => key.includes("\n") || key.startsWith("#"));
  if (wrong !== undefined) throw invalid(`invalid OpenSSH public key: '${wrong}'`);
  return keys.filter((key) => key !== "");
}

const PASSWORD_MS = 30_000;

async function changePassword(
  line: Uint8Array,
  isCrypted: boolean,
  program: string | undefined,
): Promise<void> {
  if (program === undefined) throw failed("failed to locate 'chpasswd' binary");
  const nowhere = { write: () => Promise.resolve() };
  const { exitCode } = await run({
    argv: [program, ...(isCrypted ? ["-e"] : [])],
    env: { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", LC_ALL: "C" },
    cwd: "/",
    stdin: onePiece(line),
    stdout: nowhere,
    stderr: nowhere,
    timeoutMs: PASSWORD_MS,
  });
  if (exitCode !== 0)
    throw new NegotiatorError("NOT_EXECUTABLE", "child process has failed to set user password");
}

async function* onePiece(bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
  yield await Promise.resolve(bytes);
}
