/** Owns the kinds of released files, and which binaries they have inside. */
import type { Architecture } from "../../src/roles/install/targets.ts";
import { TARGET_NAMES, TARGETS } from "../../src/roles/install/targets.ts";
import type { TargetName } from "../../src/roles/install/targets.ts";

/** The kinds of released files. */
export const PACKAGE_KINDS = ["tar", "deb", "rpm", "apk"] as const;
/** One of `PACKAGE_KINDS`. */
export type PackageKind = (typeof PACKAGE_KINDS)[number];

/** The architectures of released files. */
export const ARCHITECTURES: readonly Architecture[] = ["x64", "arm64"];

/**
 * The binary in each package. A package must run on every processor of its architecture, so it has the
 * baseline build.
 */
const PACKAGED: Readonly<Record<Exclude<PackageKind, "tar">, Readonly<Record<Architecture, TargetName>>>> = {
  deb: { x64: "linux-x64-baseline", arm64: "linux-arm64" },
  rpm: { x64: "linux-x64-baseline", arm64: "linux-arm64" },
  apk: { x64: "linux-x64-musl-baseline", arm64: "linux-arm64-musl" },
};

/** Each packager's name of an architecture. */
export const ARCHITECTURE_NAMES: Readonly<
  Record<"deb" | "rpm" | "apk", Readonly<Record<Architecture, string>>>
> = {
  deb: { x64: "amd64", arm64: "arm64" },
  rpm: { x64: "x86_64", arm64: "aarch64" },
  apk: { x64: "x86_64", arm64: "aarch64" },
};

/** One released file: its kind, its binary, and the architecture. */
export type ReleaseItem = { kind: PackageKind; target: TargetName; architecture: Architecture };

/** Returns the files of a release, in the order in which they are made. */
export function releaseItems(
  kinds: readonly PackageKind[],
  architectures: readonly Architecture[],
): ReleaseItem[] {
  return kinds.flatMap((kind) =>
    architectures.flatMap((architecture) =>
      targetsOf(kind, architecture).map((target) => ({ kind, target, architecture })),
    ),
  );
}

/** Tarballs are for all targets. */
function targetsOf(kind: PackageKind, architecture: Architecture): TargetName[] {
  if (kind !== "tar") return [PACKAGED[kind][architecture]];
  return TARGET_NAMES.filter((name) => TARGETS[name].architecture === architecture);
}
