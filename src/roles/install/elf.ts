/** Reads the parts of an ELF file that decide where it can start. Checks every offset in it. */
import { NegotiatorError } from "../../errors.ts";

/** A symbol version that the dynamic loader must find, such as `GLIBC_2.17` of `libc.so.6`. */
export type VersionNeed = { library: string; version: string };

/**
 * The parts that matter. `architecture` is Node's name, or `machine N` for any other. `interpreter` is the
 * loader's path, undefined in a static program.
 */
export type Elf = {
  architecture: string;
  interpreter: string | undefined;
  libraries: string[];
  versionNeeds: VersionNeed[];
};

/**
 * Reads a 64-bit little-endian ELF file from memory. Follows the program headers, as the kernel and the
 * loader do, so it needs no section table. Layout: System V gABI chapters 4 and 5, and the LSB's symbol
 * versioning. Throws `UNSUPPORTED`, which names `label`, if the bytes are not such a file or are
 * inconsistent.
 */
export function readElf(bytes: Uint8Array, label: string): Elf {
  const file = openFile(bytes, label);
  checkIdentity(file);
  const segments = readSegments(file);
  const dynamic = readDynamic(file, segments);
  return {
    architecture: readArchitecture(file),
    interpreter: readInterpreter(file, segments),
    libraries: dynamic.libraries,
    versionNeeds: readVersionNeeds(file, dynamic),
  };
}

/**
 * Reads the first bytes of such a file. `endBytes` is the least size of a whole one: the end of its segments
 * and of its section table. Throws as `readElf` does.
 */
export function readElfHead(
  bytes: Uint8Array,
  label: string,
): Pick<Elf, "architecture" | "interpreter"> & { endBytes: number } {
  const file = openFile(bytes, label);
  checkIdentity(file);
  const segments = readSegments(file);
  const sections =
    file.u64(40, "section table") + file.u16(58, "section size") * file.u16(60, "section count");
  const ends = segments.map(({ offset, fileBytes }) => offset + fileBytes);
  return {
    architecture: readArchitecture(file),
    interpreter: readInterpreter(file, segments),
    endBytes: Math.max(sections, ...ends),
  };
}

function readArchitecture(file: File): string {
  const machine = file.u16(18, "machine");
  return ARCHITECTURES[machine] ?? `machine ${machine}`;
}

/** e_machine: EM_X86_64 and EM_AARCH64 of elf.h. */
const ARCHITECTURES: Readonly<Record<number, string>> = { 62: "x64", 183: "arm64" };

const PT_LOAD = 1;
const PT_DYNAMIC = 2;
const PT_INTERP = 3;
const DT_NULL = 0;
const DT_NEEDED = 1;
const DT_STRTAB = 5;
const DT_VERNEED = 0x6ffffffe;
const DT_VERNEEDNUM = 0x6fffffff;

/** Far above any real program. Bounds the time that a crafted file can cost. */
const MOST_ENTRIES = 4096;
const LONGEST_STRING_BYTES = 4096;

/**
 * Reads numbers and strings at byte offsets. `what` names the value in the error for an offset outside the
 * file.
 */
type File = {
  u8: (offset: number, what: string) => number;
  u16: (offset: number, what: string) => number;
  u32: (offset: number, what: string) => number;
  u64: (offset: number, what: string) => number;
  string: (offset: number, what: string) => string;
  fail: (condition: string) => never;
};

type Segment = { type: number; offset: number; address: number; fileBytes: number };
type Dynamic = { libraries: string[]; strings: number; versionNeeds: number; versionNeedCount: number };

function openFile(bytes: Uint8Array, label: string): File {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const fail = (condition: string): never => {
    throw new NegotiatorError("UNSUPPORTED", `Cannot read "${label}" as an ELF program: ${condition}`);
  };
  const within = (offset: number, length: number, what: string): number => {
    if (offset + length <= bytes.byteLength) return offset;
    return fail(`its ${what} should be at byte ${offset}, but the file has ${bytes.byteLength} bytes`);
  };
  return {
    u8: (offset, what) => view.getUint8(within(offset, 1, what)),
    u16: (offset, what) => view.getUint16(within(offset, 2, what), true),
    u32: (offset, what) => view.getUint32(within(offset, 4, what), true),
    // Numbers above 2^53 are not exact, but they are outside every file anyway.
    u64: (offset, what) => Number(view.getBigUint64(within(offset, 8, what), true)),
    string(offset, what) {
      const window = bytes.subarray(within(offset, 1, what), offset + LONGEST_STRING_BYTES);
      const end = window.indexOf(0);
      return end === -1 ? fail(`its ${what} has no end`) : new TextDecoder().decode(window.subarray(0, end));
    },
    fail,
  };
}

function checkIdentity(file: File): void {
  // 0x7f, "ELF"
  if (file.u32(0, "magic number") !== 0x464c457f) file.fail("it does not begin with the ELF magic number");
  const [width, order] = [file.u8(4, "class"), file.u8(5, "byte order")];
  if (width !== 2 || order !== 1)
    file.fail(`it is not 64-bit little-endian (class ${width}, order ${order})`);
}

function readSegments(file: File): Segment[] {
  const start = file.u64(32, "program header offset");
  const entryBytes = file.u16(54, "program header size");
  const count = file.u16(56, "program header count");
  if (count > 0 && entryBytes !== 56) file.fail(`its program headers have ${entryBytes} bytes, not 56`);
  return Array.from({ length: count }, (_, index) => {
    const at = start + index * entryBytes;
    return {
      type: file.u32(at, "program header"),
      offset: file.u64(at + 8, "program header"),
      address: file.u64(at + 16, "program header"),
      fileBytes: file.u64(at + 32, "program header"),
    };
  });
}

function readInterpreter(file: File, segments: readonly Segment[]): string | undefined {
  const segment = segments.find(({ type }) => type === PT_INTERP);
  return segment === undefined ? undefined : file.string(segment.offset, "interpreter");
}

function readDynamic(file: File, segments: readonly Segment[]): Dynamic {
  const segment = segments.find(({ type }) => type === PT_DYNAMIC);
  const entries = segment === undefined ? [] : readDynamicEntries(file, segment);
  const valueOf = (tag: number): number | undefined => entries.find((entry) => entry.tag === tag)?.value;
  const offsetOf = (tag: number): number => {
    const address = valueOf(tag);
    return address === undefined ? 0 : fileOffset(file, segments, address);
  };
  const strings = offsetOf(DT_STRTAB);
  return {
    libraries: entries
      .filter(({ tag }) => tag === DT_NEEDED)
      .map(({ value }) => file.string(strings + value, "library name")),
    strings,
    versionNeeds: offsetOf(DT_VERNEED),
    versionNeedCount: valueOf(DT_VERNEEDNUM) ?? 0,
  };
}

function readDynamicEntries(file: File, segment: Segment): { tag: number; value: number }[] {
  const entries: { tag: number; value: number }[] = [];
  for (let at = segment.offset; at < segment.offset + segment.fileBytes; at += 16) {
    const tag = file.u64(at, "dynamic section");
    if (tag === DT_NULL) break;
    if (entries.length === MOST_ENTRIES) file.fail(`its dynamic section has over ${MOST_ENTRIES} entries`);
    entries.push({ tag, value: file.u64(at + 8, "dynamic section") });
  }
  return entries;
}

/** Returns the file offset of the byte that is loaded at `address`. */
function fileOffset(file: File, segments: readonly Segment[], address: number): number {
  const segment = segments.find(
    (each) => each.type === PT_LOAD && address >= each.address && address < each.address + each.fileBytes,
  );
  return segment === undefined
    ? file.fail(`no part of it is loaded at address 0x${address.toString(16)}`)
    : segment.offset + (address - segment.address);
}

/**
 * Reads a list of libraries, each with a list of versions. Both are chained by distances; 0 ends the chain.
 */
function readVersionNeeds(file: File, dynamic: Dynamic): VersionNeed[] {
  const needs: VersionNeed[] = [];
  let libraryAt = dynamic.versionNeeds;
  if (dynamic.versionNeedCount > MOST_ENTRIES)
    file.fail(`it needs symbol versions of over ${MOST_ENTRIES} libraries`);
  for (let left = dynamic.versionNeedCount; left > 0; left--) {
    const library = file.string(dynamic.strings + file.u32(libraryAt + 4, "version needs"), "library name");
    let versionAt = libraryAt + file.u32(libraryAt + 8, "version needs");
    for (let versions = file.u16(libraryAt + 2, "version needs"); versions > 0; versions--) {
      if (needs.length === MOST_ENTRIES) file.fail(`it needs over ${MOST_ENTRIES} symbol versions`);
      const name = dynamic.strings + file.u32(versionAt + 8, "version needs");
      needs.push({ library, version: file.string(name, "version name") });
      const distance = file.u32(versionAt + 12, "version needs");
      if (distance === 0) break;
      versionAt += distance;
    }
    const distance = file.u32(libraryAt + 12, "version needs");
    if (distance === 0) break;
    libraryAt += distance;
  }
  return needs;
}
