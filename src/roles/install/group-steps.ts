/** The group whose members may use the control socket. */
import { readFileSync } from "node:fs";
import { runText } from "../../process/run-text.ts";
import { CONTROL_GROUP } from "../cli/control-client.ts";
import type { CommandStep, Entry } from "./entry.ts";
import type { HasProgram } from "./present-programs.ts";
import { placeInRoot } from "./place-in-root.ts";

const WHY = "its members may use the daemon";

/** Returns whether this machine, or the one under `root`, has the group. */
export async function hasGroup(root: string, hasProgram: HasProgram): Promise<boolean> {
  if (root !== "/" || !hasProgram("getent"))
    return readGroups(root).some(({ name }) => name === CONTROL_GROUP);
  const { signal } = new AbortController();
  const limits = { timeoutMs: 10_000, outputBytes: 1024 * 1024, environment: {}, signal };
  return (await runText(["getent", "group", CONTROL_GROUP], limits)).exitCode === 0;
}

/** Returns the command that makes the group on this machine; undefined if it has no such program. */
export function groupCommand(hasProgram: HasProgram): CommandStep | undefined {
  if (hasProgram("groupadd"))
    return { kind: "command", argv: ["groupadd", "--system", CONTROL_GROUP], why: WHY };
  if (!hasProgram("addgroup")) return undefined;
  return { kind: "command", argv: ["addgroup", "-S", CONTROL_GROUP], why: WHY };
}

/** Returns the change of a list of groups, in an image or on a machine without the programs for it. */
export function groupEntry(root: string): Entry {
  const taken = new Set(readGroups(root).map(({ gid }) => gid));
  const gid = Array.from({ length: 900 }, (_, index) => 999 - index).find((id) => !taken.has(id)) ?? 999;
  const appended = `${CONTROL_GROUP}:x:${gid}:`;
  const text = `${readText(root).replace(/\n*$/, "\n")}${appended}\n`;
  return { kind: "file", path: GROUPS, mode: 0o644, content: { text }, why: WHY, appended };
}

const GROUPS = "/etc/group";

function readGroups(root: string): { name: string; gid: number }[] {
  return readText(root)
    .split("\n")
    .map((line) => line.split(":"))
    .map(([name = "", , gid]) => ({ name, gid: Number(gid) }));
}

function readText(root: string): string {
  return readFileSync(placeInRoot(root, GROUPS, { last: true }), "utf8");
}
