/** Runs all checks of a change: `bun run verify`, or `bun run verify tests` for one step. */
import { countTests, failuresOf } from "./test-output.ts";
import type { TestCounts, TestEnding } from "./test-output.ts";

/** `programs` run at the same time. */
type Step = { name: string; programs: readonly (readonly string[])[] };

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

/** A test that waits for a virtual machine leaves a processor to the other half. */
const HALVES = ["1/2", "2/2"];

const STEPS: readonly Step[] = [
  { name: "format", programs: [[bun, "fmt", "--check", "--no-script", ...FORMATTED]] },
  { name: "types", programs: [[bun, "check", "--no-script"]] },
  { name: "lint", programs: [[bun, "x", "--no-install", "oxlint"]] },
  { name: "dead code", programs: [[bun, "x", "--no-install", "knip"]] },
  {
    name: "tests",
    programs: HALVES.map((half) => [bun, "test", "--timeout", "180000", `--shard=${half}`]),
  },
];

process.exitCode = await verify(process.argv.slice(2));

/** Runs the named steps, or all. A failed step does not stop the later ones. Returns the exit code. */
async function verify(names: readonly string[]): Promise<number> {
  const unknown = names.find((name) => !STEPS.some((step) => step.name === name));
  if (unknown !== undefined) {
    console.error(`verify: no step "${unknown}"; the steps are: ${STEPS.map(({ name }) => name).join(", ")}`);
    return 2;
  }
  const counts: TestCounts[] = [];
  for (const step of STEPS) {
    if (names.length === 0 || names.includes(step.name)) counts.push(...(await runStep(step)));
  }
  const passed = counts.reduce((sum, step) => sum + step.passed, 0);
  const failed = counts.reduce((sum, step) => sum + step.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function runStep({ name, programs }: Step): Promise<TestCounts[]> {
  const start = performance.now();
  console.log(`\n== ${name}`);
  const [first = [], ...others] = programs;
  const running = [run(first, (bytes) => process.stderr.write(bytes)), ...others.map((words) => run(words))];
  const endings = await Promise.all(running);
  for (const { output } of endings.slice(1)) process.stderr.write(output);
  // Without these lines, a reader has to look for them in both halves.
  for (const { output } of endings) for (const failure of failuresOf(output)) console.log(failure);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const failed = endings.find(({ exitCode }) => exitCode !== 0);
  console.log(`== ${name}: ${failed ? `failed, exit code ${failed.exitCode}` : "ok"} (${seconds} s)`);
  return name === "tests" ? endings.map(countTests) : [countStep(failed === undefined)];
}

/** Runs a program to its end. `onOutput` gets its output as it comes. */
async function run(
  words: readonly string[],
  onOutput: (bytes: Uint8Array) => void = () => {},
): Promise<TestEnding> {
  const child = Bun.spawn([...words], { stdout: "pipe", stderr: "pipe", stdin: "ignore" });
  let output = "";
  const collect = async (stream: ReadableStream<Uint8Array>): Promise<void> => {
    const decoder = new TextDecoder();
    for await (const bytes of stream) {
      onOutput(bytes);
      output += decoder.decode(bytes, { stream: true });
    }
  };
  await Promise.all([collect(child.stdout), collect(child.stderr)]);
  return { output, exitCode: await child.exited };
}

function countStep(isPassed: boolean): TestCounts {
  return isPassed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
