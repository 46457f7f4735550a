/** Everything that must hold before a change lands, in one go: `bun run verify`, or `bun run verify tests` for one step. */

type Step = { name: string; words: string[] };
type Tally = { passed: number; failed: number };

const bun = process.execPath;

/** Prose is laid out by hand: the formatter would pad every table to its longest cell. */
const FORMATTED = ["src", "scripts", "test", "bench", "package.json", "tsconfig.json", "knip.json"];

const STEPS: readonly Step[] = [
  { name: "format", words: [bun, "fmt", "--check", "--no-script", ...FORMATTED] },
  { name: "types", words: [bun, "check", "--no-script"] },
  { name: "lint", words: [bun, "x", "--no-install", "oxlint"] },
  { name: "dead code", words: [bun, "x", "--no-install", "knip"] },
  { name: "tests", words: [bun, "test", "--timeout", "180000"] },
];

process.exitCode = await verify(process.argv.slice(2));

/** Runs the named steps, or all; every step runs even when one before it failed. */
async function verify(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !STEPS.some((step) => step.name === name));
  if (unknown !== undefined) {
    console.error(`verify: no step "${unknown}"; there are: ${STEPS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const tallies: Tally[] = [];
  for (const step of STEPS) {
    if (names.length === 0 || names.includes(step.name)) tallies.push(await runStep(step));
  }
  const passed = tallies.reduce((sum, tally) => sum + tally.passed, 0);
  const failed = tallies.reduce((sum, tally) => sum + tally.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function runStep({ name, words }: Step): Promise<Tally> {
  const start = performance.now();
  console.log(`\n== ${name}`);
  const child = Bun.spawn(words, { stdout: "inherit", stderr: "pipe", stdin: "ignore" });
  const talk = await forward(child.stderr);
  const exitCode = await child.exited;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${exitCode === 0 ? "ok" : `failed, exit code ${exitCode}`} (${seconds} s)`);
  return name === "tests" ? countTests(talk, exitCode) : tally(exitCode === 0);
}

/** Shows what a step says as it comes, and keeps it: bun test writes its counts there. */
async function forward(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    process.stderr.write(bytes);
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

function countTests(talk: string, exitCode: number): Tally {
  const count = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(talk)?.[1] ?? 0);
  const failed = count("fail");
  // A run that ends badly without a failed test, such as one that was killed, must not count as passed.
  return { passed: count("pass"), failed: exitCode !== 0 && failed === 0 ? 1 : failed };
}

function tally(isPassed: boolean): Tally {
  return isPassed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
