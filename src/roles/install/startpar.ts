/**
 * The lists of services that Debian's sysvinit starts and stops. `update-rc.d` makes them; in an image it
 * cannot run, and a service that is not in them does not start. Measured: startpar takes several lines of
 * targets.
 */
import { readFileSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import type { Role } from "../../peers/dialect.ts";
import { shellWord } from "../../shell-word.ts";
import type { Entry } from "./entry.ts";
import { existsInRoot, placeInRoot } from "./place-in-root.ts";

const LISTS = ["/etc/init.d/.depend.start", "/etc/init.d/.depend.stop"];

/** Returns the changes of the lists that are there, and do not have the service yet. */
export function startparEntries(role: Role, root: string): Entry[] {
  const why = "starts the daemon with the machine";
  return presentLists(root).flatMap(({ path, text }): Entry[] => {
    if (new RegExp(`^TARGETS = .*\\bnegotiator-${role}\\b`, "m").test(text)) return [];
    const appended = lineOf(role);
    const content = { text: `${text.replace(/\n*$/, "\n")}${appended}\n` };
    return [{ kind: "file", path, mode: 0o644, content, why, appended }];
  });
}

/** A list with the line of the service: `run` removes that line, as `command` does. */
export type StartparRemoval = { path: string; command: string; run: () => Promise<void> };

/** Returns the lists that an installation has changed. */
export function startparRemovals(role: Role, root: string): StartparRemoval[] {
  const line = `${lineOf(role)}\n`;
  return presentLists(root)
    .filter(({ text }) => text.includes(line))
    .map(({ path, place, text }) => ({
      path,
      command: `sed -i '/^${lineOf(role)}$/d' ${shellWord(place)}`,
      run: () => writeFile(place, text.replace(line, "")),
    }));
}

function lineOf(role: Role): string {
  return `TARGETS = negotiator-${role}`;
}

function presentLists(root: string): { path: string; place: string; text: string }[] {
  return LISTS.filter((path) => existsInRoot(root, path)).map((path) => {
    const place = placeInRoot(root, path, { last: true });
    return { path, place, text: readFileSync(place, "utf8") };
  });
}
