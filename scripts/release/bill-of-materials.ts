/** Makes the bill of materials: a CycloneDX document of what is inside the binaries. */
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { NegotiatorError } from "../../src/errors.ts";
import { PACKAGE_FACTS } from "./package-files.ts";

/** A package of bun.lock: its name with its version, its registry, its dependencies, its digest. */
type LockedPackage = readonly [string, string, { dependencies?: Record<string, string> }, string];
type LockFile = {
  workspaces: { "": { dependencies: Record<string, string> } };
  packages: Record<string, LockedPackage>;
};

/** Returns the document (CycloneDX 1.5, JSON). `root`: the repository; `seconds`: its time since 1970. */
export async function billOfMaterials(root: string, seconds: number): Promise<string> {
  const lock = parseLock(await readFile(join(root, "bun.lock"), "utf8"));
  const names = withDependencies(lock);
  const components = await Promise.all(names.map((name) => component(root, name, lock)));
  const { name, version, license, description } = PACKAGE_FACTS;
  const content = {
    metadata: {
      timestamp: new Date(seconds * 1000).toISOString(),
      component: {
        type: "application",
        "bom-ref": `pkg:generic/${name}@${version}`,
        name,
        version,
        description,
        licenses: [{ license: { id: license } }],
      },
    },
    components: [
      {
        type: "platform",
        "bom-ref": `pkg:generic/bun@${Bun.version}`,
        name: "bun",
        version: Bun.version,
        licenses: [{ license: { id: "MIT" } }],
        properties: [{ name: "revision", value: Bun.revision }],
      },
      ...components,
    ],
  };
  const serialNumber = `urn:uuid:${uuidOf(JSON.stringify(content))}`;
  const head = { bomFormat: "CycloneDX", specVersion: "1.5", serialNumber, version: 1 };
  return `${JSON.stringify({ ...head, ...content }, undefined, 2)}\n`;
}

/** bun.lock is JSON with commas after the last elements. */
function parseLock(text: string): LockFile {
  const json: LockFile = JSON.parse(text.replaceAll(/,(\s*[}\]])/g, "$1"));
  return json;
}

/** Returns the names of all packages that the program imports, also through others, sorted. */
function withDependencies({ workspaces, packages }: LockFile): string[] {
  const found = new Set(Object.keys(workspaces[""].dependencies));
  for (const name of found)
    for (const next of Object.keys(packages[name]?.[2].dependencies ?? {})) found.add(next);
  return [...found].toSorted();
}

async function component(root: string, name: string, { packages }: LockFile): Promise<object> {
  const [id, , , integrity] = packages[name] ?? [];
  if (id === undefined || integrity === undefined)
    throw new NegotiatorError("INTERNAL", `Cannot find "${name}" in bun.lock`, {
      remedy: "Run: bun install",
    });
  const version = id.slice(name.length + 1);
  const manifest: { license?: string } = await Bun.file(
    join(root, "node_modules", name, "package.json"),
  ).json();
  const purl = `pkg:npm/${name.replace("@", "%40")}@${version}`;
  const content = Buffer.from(integrity.replace(/^sha512-/, ""), "base64").toString("hex");
  return {
    type: "library",
    "bom-ref": purl,
    name,
    version,
    purl,
    hashes: [{ alg: "SHA-512", content }],
    licenses: manifest.license === undefined ? [] : [{ license: { id: manifest.license } }],
  };
}

/** Returns a UUID made of a digest (version 8 of RFC 9562), so that equal contents have equal numbers. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex").slice(0, 32);
  const marked = `${hex.slice(0, 12)}8${hex.slice(13, 16)}8${hex.slice(17)}`;
  return marked.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
