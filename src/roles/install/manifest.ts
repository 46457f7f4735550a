/** The list of what an installation made, in a file beside the daemon's state. */
import { lstatSync, readFileSync } from "node:fs";
import * as v from "valibot";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import { shellWord } from "../../shell-word.ts";
import { checkStrict } from "../../strict/strict.ts";
import { VERSION } from "../../version.ts";
import { digestOf } from "./digest.ts";
import type { Content } from "./entry.ts";
import type { JudgedEntry } from "./judge-entry.ts";
import { placeInRoot } from "./place-in-root.ts";
import { MANAGER_NAMES } from "./service-managers.ts";
import type { ManagerName } from "./service-managers.ts";

const ManifestSchema = v.strictObject({
  version: v.string(),
  manager: v.picklist(MANAGER_NAMES),
  /** The digest of each file as it was written. */
  files: v.record(v.string(), v.string()),
  links: v.record(v.string(), v.string()),
  directories: v.array(v.string()),
  /** The groups that were made. */
  groups: v.array(v.string()),
  /** The services of the QEMU guest agent that were stopped. */
  agentServices: v.exactOptional(v.array(v.string())),
});

/** Files with their SHA-256, links with their targets, directories and groups. */
export type Manifest = v.InferOutput<typeof ManifestSchema>;

/** Returns the path of a role's manifest. */
export function manifestPath(role: Role): string {
  return `/var/lib/negotiator/install-${role}.json`;
}

/** Returns the manifest of the machine under `root`; undefined without one. Throws `BAD_CONFIG`. */
export function readManifest(root: string, role: Role): Manifest | undefined {
  const place = placeInRoot(root, manifestPath(role));
  try {
    const status = lstatSync(place);
    if (!status.isFile() || status.uid !== 0 || (status.mode & OTHERS_WRITE) !== 0) {
      const problem = `Cannot trust "${place}": others than root could have written it`;
      throw new NegotiatorError("BAD_CONFIG", problem, { remedy: `Remove it: rm ${shellWord(place)}` });
    }
    return checkStrict(ManifestSchema, JSON.parse(readFileSync(place, "utf8")), place, {
      code: "BAD_CONFIG",
      remedy: `Remove it: rm ${shellWord(place)}`,
    });
  } catch (thrown) {
    if (["ENOENT", "ENOTDIR"].includes(errnoOf(thrown) ?? "")) return undefined;
    if (!(thrown instanceof SyntaxError)) throw thrown;
    throw new NegotiatorError("BAD_CONFIG", `Cannot read "${place}": it is not JSON`, {
      remedy: `Remove it: rm ${shellWord(place)}`,
    });
  }
}

const OTHERS_WRITE = 0o022;

/** Whether anything is installed. An uninstallation that leaves a group leaves a list without files. */
export function isInstalled({ files, links }: Manifest): boolean {
  return Object.keys({ ...files, ...links }).length > 0;
}

/** Returns what is left of a list when the files are removed, and the group is not. */
export function withoutFiles({ version, manager, directories, groups }: Manifest): Manifest {
  return { version, manager, files: {}, links: {}, directories, groups };
}

/** Returns the text of a manifest. */
export function formatManifest(manifest: Manifest): string {
  return `${JSON.stringify(manifest, undefined, 2)}\n`;
}

/** The parts that a new manifest is made of. */
export type ManifestParts = {
  before: Manifest | undefined;
  judged: readonly JudgedEntry[];
  /** The entries that are written now. */
  written: ReadonlySet<JudgedEntry>;
  manager: ManagerName;
  groups: readonly string[];
  /** The services of the QEMU guest agent that stay stopped. */
  agentServices: readonly string[];
};

/** Returns the manifest after an installation: what was made before, and what is made now. */
export function nextManifest(parts: ManifestParts): Manifest {
  const { before, judged, written, manager, groups, agentServices } = parts;
  const files = new Map(Object.entries(before?.files ?? {}));
  const links = new Map(Object.entries(before?.links ?? {}));
  const directories = new Set(before?.directories);
  for (const each of judged) {
    const { entry, state } = each;
    const isOurs = written.has(each) || state === "same";
    if (entry.kind === "directory" && written.has(each)) directories.add(entry.path);
    if (entry.kind === "link" && isOurs) links.set(entry.path, entry.to);
    if (entry.kind === "file" && isOurs && entry.isFirst !== true && entry.appended === undefined)
      files.set(entry.path, digestOf(bytesOf(entry.content)));
  }
  const all = [...new Set([...(before?.groups ?? []), ...groups])];
  return {
    version: VERSION,
    manager,
    files: sorted(files),
    links: sorted(links),
    directories: [...directories].toSorted(),
    groups: all,
    ...(agentServices.length > 0 && { agentServices: [...agentServices] }),
  };
}

function sorted(map: ReadonlyMap<string, string>): Record<string, string> {
  return Object.fromEntries([...map].toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function bytesOf(content: Content): Uint8Array | string {
  return "text" in content ? content.text : readFileSync(content.copyOf);
}
