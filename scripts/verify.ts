/** Runs all checks of a change: `bun run verify`, or `bun run verify tests` for one step. */

type Step = { name: string; words: string[] };
type Counts = { passed: number; failed: number };

const bun = process.execPath;

/** Without Markdown: the formatter would pad every table to its longest cell. */
const FORMATTED = [
  "src",
  "scripts",
  "test",
  "bench",
  "hostile",
  "chaos",
  "package.json",
  "tsconfig.json",
  "knip.json",
];

const STEPS: readonly Step[] = [
  { name: "format", words: [bun, "fmt", "--check", "--no-script", ...FORMATTED] },
  { name: "types", words: [bun, "check", "--no-script"] },
  { name: "lint", words: [bun, "x", "--no-install", "oxlint"] },
  { name: "dead code", words: [bun, "x", "--no-install", "knip"] },
  { name: "tests", words: [bun, "test", "--timeout", "180000"] },
];

process.exitCode = await verify(process.argv.slice(2));

/** Runs the named steps, or all. A failed step does not stop the later ones. Returns the exit code. */
async function verify(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !STEPS.some((step) => step.name === name));
  if (unknown !== undefined) {
    console.error(`verify: no step "${unknown}"; the steps are: ${STEPS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const counts: Counts[] = [];
  for (const step of STEPS) {
    if (names.length === 0 || names.includes(step.name)) counts.push(await runStep(step));
  }
  const passed = counts.reduce((sum, step) => sum + step.passed, 0);
  const failed = counts.reduce((sum, step) => sum + step.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function runStep({ name, words }: Step): Promise<Counts> {
  const start = performance.now();
  console.log(`\n== ${name}`);
  const child = Bun.spawn(words, { stdout: "inherit", stderr: "pipe", stdin: "ignore" });
  const output = await forward(child.stderr);
  const exitCode = await child.exited;
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  console.log(`== ${name}: ${exitCode === 0 ? "ok" : `failed, exit code ${exitCode}`} (${seconds} s)`);
  return name === "tests" ? countTests(output, exitCode) : countStep(exitCode === 0);
}

/** Copies a step's output to stderr and returns it: `bun test` prints its counts there. */
async function forward(stream: ReadableStream<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of stream) {
    process.stderr.write(bytes);
    text += decoder.decode(bytes, { stream: true });
  }
  return text;
}

function countTests(output: string, exitCode: number): Counts {
  const count = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const failed = count("fail");
  // A killed run has no failed test, but it must not count as passed.
  return { passed: count("pass"), failed: exitCode !== 0 && failed === 0 ? 1 : failed };
}

function countStep(isPassed: boolean): Counts {
  return isPassed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
