/** Fuzzes parsers by hand: `bun run fuzz`, or `bun run fuzz --only NAME --minutes 10 --seed 7`. */
import { runTarget } from "./fuzz-target.ts";
import { TARGETS } from "./targets.ts";

type FuzzOptions = { only: string[]; minutes: number; seed: number; isList: boolean; isHelp: boolean };

const HELP = `Feed mutated input to parsers until one does what it must not do.

Usage:
  bun run fuzz [OPTION]...

Options:
  --only NAME    Only this target; repeatable (see --list)
  --minutes N    How long all targets together run (default: 1); 0 for no end
  --seed N       The first seed; a fault names its own
  --list         Print the targets
  -h, --help     Show this help

Exit code: 0 no fault, 1 a fault, 2 wrong usage
`;
/** A target runs so long before the next one has its turn. */
const TURN_MS = 10_000;

process.exit(main(process.argv.slice(2)));

function main(words: readonly string[]): number {
  let options: FuzzOptions;
  try {
    options = parseOptions(words);
  } catch (thrown) {
    say(thrown instanceof Error ? thrown.message : String(thrown));
    return 2;
  }
  if (options.isHelp) process.stdout.write(HELP);
  else if (options.isList)
    for (const [name, { what }] of Object.entries(TARGETS))
      process.stdout.write(`${name.padEnd(10)} ${what}\n`);
  else return fuzz(options);
  return 0;
}

function fuzz({ only, minutes, seed }: FuzzOptions): number {
  const names = Object.keys(TARGETS).filter((name) => only.length === 0 || only.includes(name));
  const endMs = minutes === 0 ? Number.POSITIVE_INFINITY : performance.now() + minutes * 60_000;
  const turnMs = Math.min(TURN_MS, (minutes * 60_000 || TURN_MS) / names.length);
  const next = new Map(names.map((name) => [name, seed]));
  say(`seed ${seed}`);
  while (performance.now() < endMs) {
    for (const name of names) {
      const target = TARGETS[name];
      const first = next.get(name) ?? seed;
      if (target === undefined) continue;
      const turnEndMs = performance.now() + turnMs;
      try {
        const { rounds, slowestMs } = runTarget(target, {
          seed: first,
          isOver: () => performance.now() > turnEndMs,
        });
        next.set(name, first + rounds);
        process.stdout.write(
          `${name.padEnd(10)} ${String(rounds).padStart(8)} rounds, the slowest ${slowestMs.toFixed(0)} ms\n`,
        );
      } catch (thrown) {
        say(`${name}: ${Bun.inspect(thrown)}`);
        return 1;
      }
    }
  }
  return 0;
}

function parseOptions(words: readonly string[]): FuzzOptions {
  const options: FuzzOptions = {
    only: [],
    minutes: 1,
    seed: Math.floor(Math.random() * 2 ** 31),
    isList: false,
    isHelp: false,
  };
  const queue = words.flatMap((word) => {
    const [, name, value] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    return name === undefined || value === undefined ? [word] : [name, value];
  });
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    if (word === "--list") options.isList = true;
    else if (word === "--help" || word === "-h") options.isHelp = true;
    else if (word === "--only") options.only.push(readTarget(queue.shift()));
    else if (word === "--minutes") options.minutes = readCount(word, queue.shift());
    else if (word === "--seed") options.seed = readCount(word, queue.shift());
    else throw new Error(`unknown word "${word}" (see --help)`);
  }
  return options;
}

function readTarget(name = ""): string {
  if (name in TARGETS) return name;
  throw new Error(`no target "${name}"; the targets are: ${Object.keys(TARGETS).join(", ")}`);
}

function readCount(option: string, text = ""): number {
  if (/^\d+$/.test(text)) return Number(text);
  throw new Error(`${option} needs a whole number from 0, not "${text}"`);
}

function say(line: string): void {
  process.stderr.write(`fuzz: ${line}\n`);
}
