/** Faults that change nothing that a test could see, each with the reason. They are not drawn. */
import type { Fault } from "./fault.ts";
import { findPlace } from "./fault.ts";

/** A fault by its file and texts, and by a part of its line if the file has several such texts. */
type Equivalent = Pick<Fault, "file" | "from" | "to"> & { line?: string; because: string };

/** THE LIST of these faults. */
export const EQUIVALENTS: readonly Equivalent[] = [
  {
    file: "src/policy/glob-scan.ts",
    from: "1",
    to: "2",
    line: "export const SEPARATORS",
    because: "a character has neither number",
  },
  {
    file: "src/policy/glob-scan.ts",
    from: "0",
    to: "1",
    line: "let alive = 0;",
    because: "a text is read to its end though no place is left, with the same result",
  },
  {
    file: "src/policy/glob-scan.ts",
    from: "<",
    to: "<=",
    line: "for (let word = 0; word < words; word++)",
    because: "a list of numbers takes nothing at a place that it does not have",
  },
  {
    file: "src/policy/glob-scan.ts",
    from: ">",
    to: ">=",
    line: "if (wide.size > 0)",
    because: "a look into an empty map finds the same",
  },
  {
    file: "src/policy/rule-match.ts",
    from: "0",
    to: "1",
    line: "let count = 0;",
    because: "two counts are compared, and both are one more",
  },
  {
    file: "src/process/libc-polls.ts",
    from: "1",
    to: "2",
    line: "const context = new BigUint64Array(1)",
    because: "the kernel writes one number into the room of two",
  },
  {
    file: "src/process/libc.ts",
    from: "2",
    to: "3",
    line: "const SOCK_DGRAM = 2",
    because: "Linux makes a datagram socket of a raw unix socket (net/unix/af_unix.c)",
  },
  {
    file: "src/process/pump.ts",
    from: "<",
    to: "<=",
    line: "if (ms < GATHER_MS &&",
    because: "a measured time is never exactly a whole number of milliseconds",
  },
  {
    file: "src/wire/frames/openings.ts",
    from: "+",
    to: "-",
    line: "const end = bytes.subarray(",
    because: "an opening that is whole in the two more bytes was found before",
  },
];

/** Returns whether the list has the fault of a file with this text. */
export function isEquivalent(text: string, fault: Fault): boolean {
  return EQUIVALENTS.some(({ file, from, to, line }) => {
    if (file !== fault.file || from !== fault.from || to !== fault.to) return false;
    return line === undefined || findPlace(text, fault).source.includes(line);
  });
}
