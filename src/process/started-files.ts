/**
 * Finds the files that execve(2) opens besides the executable itself: the interpreter of a script, the loader
 * of a program. The kernel reads all of them before the new program counts as started.
 */
import { closeSync, constants, openSync, readSync } from "node:fs";
import type { Stats } from "node:fs";
import { currentMounts, walkLocally } from "./mount-table.ts";
import type { MountList } from "../trust/mounts.ts";
import type { LocalPlace } from "./mount-table.ts";

/**
 * The knowledge of a start before it happens. `files` are those that the user must be allowed to execute, as
 * far as they are known.
 *
 * - `local`: the system starts it, or refuses it, without a look at a file system that may hang.
 * - `odd`: the same, but the file is neither a script nor a program of this machine. What starts it, if
 *   anything, is the kernel's table of further formats (binfmt_misc).
 * - `unknown`: a file on the way may be anywhere, so the start may hang.
 */
export type StartKnowledge = { kind: "local" | "odd" | "unknown"; files: readonly string[] };

/**
 * Returns what is known of the start of the executable at `path`. Never waits for a file system. The file
 * itself is looked at each time; what its interpreter needs in turn is remembered for a second, unless
 * the mounts change.
 */
export function judgeStart(path: string): StartKnowledge {
  return judgeFrom(path, currentMounts(), 1);
}

function judgeFrom(path: string, mounts: MountList, depth: number): StartKnowledge {
  const place = walkLocally(path, mounts);
  if (place === undefined) return { kind: "unknown", files: [path] };
  // The system refuses it at once.
  if (place.status?.isFile() !== true || depth > MOST_INTERPRETERS) return { kind: "local", files: [path] };
  const needs = neededBy(place, place.status);
  if (needs === "nothing") return { kind: "local", files: [path] };
  if (needs === "odd" || needs === "unknown") return { kind: needs, files: [path] };
  const { kind, files } = judgeNeeded(needs, mounts, depth);
  return { kind, files: [path, ...files] };
}

type Remembered = { untilMs: number; mounts: MountList; knowledge: StartKnowledge };

const remembered = new Map<string, Remembered>();
const REMEMBERED_MS = 1000;

function judgeNeeded({ kind, path }: NeededFile, mounts: MountList, depth: number): StartKnowledge {
  const key = `${kind} ${depth} ${path}`;
  const before = remembered.get(key);
  const nowMs = performance.now();
  if (before !== undefined && before.mounts === mounts && nowMs < before.untilMs) return before.knowledge;
  const knowledge = judgeAgain(kind, path, mounts, depth);
  if (remembered.size >= MOST_KNOWN) remembered.clear();
  remembered.set(key, { untilMs: nowMs + REMEMBERED_MS, mounts, knowledge });
  return knowledge;
}

function judgeAgain(
  kind: NeededFile["kind"],
  path: string,
  mounts: MountList,
  depth: number,
): StartKnowledge {
  if (!path.startsWith("/")) return { kind: "unknown", files: [] };
  if (kind === "interpreter") return judgeFrom(path, mounts, depth + 1);
  // A loader has no loader.
  const isLocal = walkLocally(path, mounts) !== undefined;
  return { kind: isLocal ? "local" : "unknown", files: [path] };
}

/** The kernel follows so many scripts (BINPRM_MAX_RECURSION in fs/exec.c), and then refuses the start. */
const MOST_INTERPRETERS = 6;

type NeededFile = { kind: "interpreter" | "loader"; path: string };
type Needs = "nothing" | "odd" | "unknown" | NeededFile;

/** For each file what it needs, with the state of the file for which that holds. */
const known = new Map<string, { state: string; needs: Needs }>();
const MOST_KNOWN = 10_000;

function neededBy({ path }: LocalPlace, status: Stats): Needs {
  const { dev, ino, size, ctimeMs, mtimeMs } = status;
  const state = `${dev} ${ino} ${size} ${ctimeMs} ${mtimeMs}`;
  const found = known.get(path);
  if (found?.state === state) return found.needs;
  const head = readHead(path);
  const needs = head === undefined ? "unknown" : readNeeds(head);
  if (known.size >= MOST_KNOWN) known.clear();
  known.set(path, { state, needs });
  return needs;
}

/** Enough for the program headers and the loader's name, which linkers put at the start. */
const HEAD_BYTES = 4096;
/** The kernel reads no more of a script's first line (BINPRM_BUF_SIZE). */
const LINE_BYTES = 256;

/** Returns the first bytes of a file; undefined if it cannot be read. Waits for its file system. */
export function readHead(path: string): Buffer | undefined {
  const head = Buffer.alloc(HEAD_BYTES);
  try {
    const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
    try {
      return head.subarray(0, readSync(fd, head, 0, HEAD_BYTES, 0));
    } finally {
      closeSync(fd);
    }
  } catch {
    // A program that we may execute and not read.
    return undefined;
  }
}

function readNeeds(head: Buffer): Needs {
  if (head.subarray(0, 2).toString("latin1") === "#!") {
    const line = head.subarray(0, LINE_BYTES).toString("utf8");
    const [, path] = /^#![ \t]*([^ \t\n\0]+)/.exec(line) ?? [];
    if (path === undefined) return "odd";
    // Bytes that are not UTF-8 would be another path.
    return path.includes("\ufffd") ? "unknown" : { kind: "interpreter", path };
  }
  if (head.subarray(0, ELF_START.length).equals(ELF_START)) return readLoader(head);
  return "odd";
}

/** elf(5): a 64-bit program in the byte order of all machines that we build for. */
const ELF_START = Buffer.from([0x7f, 0x45, 0x4c, 0x46, 2, 1]);
const ELF = { machine: 18, headersAt: 32, headerBytes: 54, headerCount: 56, bytes: 64 } as const;
/** A header begins with its type. */
const HEADER = { offset: 8, size: 32, bytes: 56 } as const;
const PT_INTERP = 3;
/** The machines of `e_machine` (include/uapi/linux/elf-em.h). */
const OUR_MACHINE = process.arch === "arm64" ? 183 : 62;

function readLoader(head: Buffer): Needs {
  if (head.length < ELF.bytes || head.readUInt16LE(ELF.machine) !== OUR_MACHINE) return "odd";
  const start = Number(head.readBigUInt64LE(ELF.headersAt));
  const step = head.readUInt16LE(ELF.headerBytes);
  const count = head.readUInt16LE(ELF.headerCount);
  if (step < HEADER.bytes) return "odd";
  for (let index = 0; index < count; index++) {
    const at = start + index * step;
    if (at + step > head.length) return "unknown";
    if (head.readUInt32LE(at) !== PT_INTERP) continue;
    const from = Number(head.readBigUInt64LE(at + HEADER.offset));
    const to = from + Number(head.readBigUInt64LE(at + HEADER.size));
    if (to > head.length) return "unknown";
    return { kind: "loader", path: head.subarray(from, to).toString("utf8").replace(/\0.*$/s, "") };
  }
  return "nothing";
}
