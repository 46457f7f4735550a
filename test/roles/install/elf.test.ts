/** Tests the ELF reader on real, made-up and damaged programs. */
import { describe, expect, test } from "bun:test";
import { readFile } from "node:fs/promises";
import { NegotiatorError } from "../../../src/errors.ts";
import { readElf } from "../../../src/roles/install/elf.ts";
import type { Elf } from "../../../src/roles/install/elf.ts";

describe("readElf on real programs", () => {
  for (const path of ["/bin/ls", process.execPath]) {
    test(`readElf reads ${path === "/bin/ls" ? path : "the running bun"}`, async () => {
      const elf = readElf(await readFile(path), path);
      expect(elf.architecture).toBe(process.arch);
      expect(elf.interpreter).toMatch(/^\/.*\/ld-[\w.-]+$/);
      expect(elf.libraries.some((library) => library.startsWith("libc."))).toBe(true);
      for (const { library, version } of elf.versionNeeds) {
        expect(library).toMatch(/\.so\.\d+$/);
        expect(version).toMatch(/^[A-Z]+\w*_[\w.]+$/);
      }
    });
  }

  test("readElf refuses a text file", async () => {
    const text = await readFile(import.meta.path);
    expect(() => readElf(text, "elf.test.ts")).toThrow(
      'Cannot read "elf.test.ts" as an ELF program: it does not begin with the ELF magic number',
    );
  });
});

describe("readElf on made-up programs", () => {
  test("readElf reads every part of a program", () => {
    const expected: Elf = {
      architecture: "arm64",
      interpreter: "/lib/ld-linux-aarch64.so.1",
      libraries: ["libc.so.6", "libm.so.6"],
      versionNeeds: [
        { library: "libc.so.6", version: "GLIBC_2.17" },
        { library: "libc.so.6", version: "GLIBC_2.28" },
        { library: "libm.so.6", version: "GLIBC_2.2.5" },
      ],
    };
    expect(readElf(makeElf(), "made-up")).toEqual(expected);
  });

  test("readElf reads a program in the middle of a buffer", () => {
    const elf = makeElf();
    const padded = new Uint8Array(elf.length + 7);
    padded.set(elf, 7);
    expect(readElf(padded.subarray(7), "made-up")).toEqual(readElf(elf, "made-up"));
  });

  test("readElf returns the number of an unknown architecture", () => {
    const elf = patched((view) => view.setUint16(18, 243, true));
    expect(readElf(elf, "made-up").architecture).toBe("machine 243");
  });

  test("readElf reads a static program, without loader and libraries", () => {
    const elf = patched((view) => view.setUint16(56, 1, true));
    const { interpreter, libraries, versionNeeds } = readElf(elf, "made-up");
    expect({ interpreter, libraries, versionNeeds }).toEqual({
      interpreter: undefined,
      libraries: [],
      versionNeeds: [],
    });
  });

  test("readElf refuses a program that is cut at any byte", () => {
    const elf = makeElf();
    for (let length = 0; length < elf.length; length++) {
      expect(() => readElf(elf.subarray(0, length), "cut")).toThrow(NegotiatorError);
    }
  });

  test("readElf reads or refuses a program with any changed byte", () => {
    const elf = makeElf();
    const values = [0, 1, 0x7f, 0x80, 0xff];
    for (let at = 0; at < elf.length; at++) {
      for (const value of values) {
        const broken = elf.slice();
        broken[at] = value;
        expect(outcomeOf(broken)).toBeOneOf(["read", "refused"]);
      }
    }
  });

  const refused: Record<string, [(view: DataView) => void, string]> = {
    "32 bits": [(view) => view.setUint8(4, 1), "not 64-bit little-endian (class 1, order 1)"],
    "big-endian": [(view) => view.setUint8(5, 2), "not 64-bit little-endian (class 2, order 2)"],
    "program headers of no size": [(view) => view.setUint16(54, 0, true), "have 0 bytes, not 56"],
    "more program headers than bytes": [(view) => view.setUint16(56, 0xffff, true), "its program header"],
    "program headers past the end": [
      (view) => view.setBigUint64(32, 2n ** 64n - 1n, true),
      "its program header should be at byte",
    ],
    "a loader past the end": [
      (view) => view.setBigUint64(INTERP_HEADER + 8, 2n ** 63n, true),
      "its interpreter should be at byte",
    ],
    "a loader without an end": [
      (view) => {
        view.setBigUint64(INTERP_HEADER + 8, BigInt(view.byteLength - 1), true);
        view.setUint8(view.byteLength - 1, 0x2f);
      },
      "its interpreter has no end",
    ],
    "a dynamic section past the end": [
      (view) => view.setBigUint64(DYNAMIC_HEADER + 8, 10n ** 6n, true),
      "its dynamic section should be at byte 1000000",
    ],
    "strings at an address that is not loaded": [
      (view) => view.setBigUint64(DYNAMIC + 8, 0x10n, true),
      "no part of it is loaded at address 0x10",
    ],
    "endless version needs": [
      (view) => view.setBigUint64(DYNAMIC + 40, 2n ** 64n - 1n, true),
      "symbol versions of over 4096 libraries",
    ],
    "a version name past the end": [
      (view) => view.setUint32(VERSIONS + 24, 0xffff_ffff, true),
      "its version name should be at byte",
    ],
  };
  for (const [name, [patch, message]] of Object.entries(refused)) {
    test(`readElf refuses ${name}`, () => {
      expect(() => readElf(patched(patch), "hostile")).toThrow(message);
    });
  }

  test("readElf refuses a dynamic section with more than 4096 entries", () => {
    const elf = patched((view) => {
      view.setBigUint64(DYNAMIC_HEADER + 8, BigInt(makeElf().length), true);
      view.setBigUint64(DYNAMIC_HEADER + 32, 2n ** 63n, true);
    });
    const long = new Uint8Array(elf.length + 100_000).fill(1);
    long.set(elf);
    expect(() => readElf(long, "hostile")).toThrow("its dynamic section has over 4096 entries");
  });

  test("readElf refuses more than 4096 symbol versions", () => {
    const elf = makeElf();
    const long = new Uint8Array(elf.length + 16 * 5000);
    long.set(elf);
    const view = new DataView(long.buffer);
    view.setUint16(VERSIONS + 2, 0xffff, true);
    view.setUint32(VERSIONS + 8, elf.length - VERSIONS, true);
    for (let at = elf.length; at < long.length; at += 16) view.setUint32(at + 12, 16, true);
    expect(() => readElf(long, "hostile")).toThrow("it needs over 4096 symbol versions");
  });
});

function outcomeOf(bytes: Uint8Array): string {
  try {
    readElf(bytes, "broken");
    return "read";
  } catch (error) {
    return error instanceof NegotiatorError ? "refused" : `crashed: ${String(error)}`;
  }
}

function patched(patch: (view: DataView) => void): Uint8Array {
  const elf = makeElf();
  patch(new DataView(elf.buffer));
  return elf;
}

// The offsets of the parts of the made-up program, which is loaded at BASE in one piece.
const BASE = 0x400000;
const LOAD_HEADER = 64;
const INTERP_HEADER = LOAD_HEADER + 56;
const DYNAMIC_HEADER = INTERP_HEADER + 56;
const DYNAMIC = DYNAMIC_HEADER + 56;
const DYNAMIC_ENTRIES = 6;
const VERSIONS = DYNAMIC + 16 * DYNAMIC_ENTRIES;
const STRINGS = VERSIONS + 16 * 5;
const NAMES = [
  "/lib/ld-linux-aarch64.so.1",
  "libc.so.6",
  "libm.so.6",
  "GLIBC_2.17",
  "GLIBC_2.28",
  "GLIBC_2.2.5",
];
const TABLE = Buffer.from(`${NAMES.join("\0")}\0`);

/** Makes an arm64 program that needs two libraries and three symbol versions. It needs its last byte too. */
function makeElf(): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(STRINGS + TABLE.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  view.setUint16(18, 183, true);
  view.setBigUint64(32, BigInt(LOAD_HEADER), true);
  view.setUint16(54, 56, true);
  view.setUint16(56, 3, true);
  const segment = (at: number, type: number, offset: number, length: number): void => {
    view.setUint32(at, type, true);
    view.setBigUint64(at + 8, BigInt(offset), true);
    view.setBigUint64(at + 16, BigInt(BASE + offset), true);
    view.setBigUint64(at + 32, BigInt(length), true);
  };
  segment(LOAD_HEADER, 1, 0, bytes.length);
  segment(INTERP_HEADER, 3, STRINGS, 27);
  segment(DYNAMIC_HEADER, 2, DYNAMIC, 16 * DYNAMIC_ENTRIES);
  const dynamic: [tag: number, value: number][] = [
    [5, BASE + STRINGS],
    [0x6ffffffe, BASE + VERSIONS],
    [0x6fffffff, 2],
    [1, nameAt("libc.so.6")],
    [1, nameAt("libm.so.6")],
    [0, 0],
  ];
  for (const [index, [tag, value]] of dynamic.entries()) {
    view.setBigUint64(DYNAMIC + index * 16, BigInt(tag), true);
    view.setBigUint64(DYNAMIC + index * 16 + 8, BigInt(value), true);
  }
  const library = (at: number, name: string, versions: number, next: number): void => {
    view.setUint16(at, 1, true);
    view.setUint16(at + 2, versions, true);
    view.setUint32(at + 4, nameAt(name), true);
    view.setUint32(at + 8, 16, true);
    view.setUint32(at + 12, next, true);
  };
  const version = (at: number, name: string, next: number): void => {
    view.setUint32(at + 8, nameAt(name), true);
    view.setUint32(at + 12, next, true);
  };
  library(VERSIONS, "libc.so.6", 2, 48);
  version(VERSIONS + 16, "GLIBC_2.17", 16);
  version(VERSIONS + 32, "GLIBC_2.28", 0);
  library(VERSIONS + 48, "libm.so.6", 1, 0);
  version(VERSIONS + 64, "GLIBC_2.2.5", 0);
  bytes.set(TABLE, STRINGS);
  return bytes;
}

function nameAt(name: string): number {
  return TABLE.indexOf(`${name}\0`);
}
