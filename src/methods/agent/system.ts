/** Facts about the guest: host name, system, users, load. */
import { readFile } from "node:fs/promises";
import { hostname, machine, release, version } from "node:os";
import { defineAgentCommand } from "./agent-command.ts";
import type { AgentCommand } from "./agent-command.ts";
import { readLogins } from "./logins.ts";
import { MACHINE } from "./machine-places.ts";

/** Returns the name of the machine. */
export const GET_HOST_NAME = defineAgentCommand({
  name: "guest-get-host-name",
  access: "usual",
  run: () => ({ "host-name": hostname() }),
});

/** The keys of os-release(5), and the members of the answer. */
const RELEASE_KEYS = [
  ["ID", "id"],
  ["NAME", "name"],
  ["PRETTY_NAME", "pretty-name"],
  ["VERSION", "version"],
  ["VERSION_ID", "version-id"],
  ["VARIANT", "variant"],
  ["VARIANT_ID", "variant-id"],
] as const;

/** Returns the command. `releaseFile` replaces the usual files of os-release(5). */
export function createOsInfo(releaseFile?: string): AgentCommand {
  const files = releaseFile === undefined ? ["/etc/os-release", "/usr/lib/os-release"] : [releaseFile];
  return defineAgentCommand({
    name: "guest-get-osinfo",
    access: "usual",
    async run() {
      const values = parseRelease(await readFirst(files));
      return {
        "kernel-release": release(),
        "kernel-version": version(),
        machine: machine(),
        ...Object.fromEntries(RELEASE_KEYS.map(([key, member]) => [member, values.get(key)])),
      };
    },
  });
}

async function readFirst(files: readonly string[]): Promise<string> {
  for (const file of files) {
    const text = await readFile(file, "utf8").catch(() => undefined);
    if (text !== undefined) return text;
  }
  return "";
}

function parseRelease(text: string): Map<string, string> {
  const pairs = [...text.matchAll(/^([A-Z_]+)=(?:"((?:[^"\\]|\\.)*)"|'([^']*)'|(.*?))\s*$/gm)];
  return new Map(
    pairs.map(([, key = "", double, single, plain = ""]) => [
      key,
      double?.replaceAll(/\\(.)/g, "$1") ?? single ?? plain,
    ]),
  );
}

/**
 * Returns the command whose answer has one entry for each user who is logged in, with the earliest login in
 * seconds since 1970. `file` is one of utmp(5).
 */
export const createGetUsers = (file?: string): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-users",
    access: "usual",
    async run() {
      const users = new Map<string, number>();
      for (const { user, seconds } of await readLogins(file))
        users.set(user, Math.min(users.get(user) ?? Infinity, seconds));
      return [...users].map(([user, seconds]) => ({ user, "login-time": seconds }));
    },
  });

/** Returns the command that answers with the load of the last 1, 5 and 15 minutes. */
export const createGetLoad = ({ proc } = MACHINE): AgentCommand =>
  defineAgentCommand({
    name: "guest-get-load",
    access: "usual",
    async run() {
      const [one, five, fifteen] = (await readFile(`${proc}/loadavg`, "utf8")).split(" ").map(Number);
      return { load1m: one, load5m: five, load15m: fifteen };
    },
  });
