/** Runs all checks of a change: `bun run verify`, or `bun run verify tests` for one step. */

/** `programs` run at the same time. */
type Step = { name: string; programs: readonly (readonly string[])[] };
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
  const counts: Counts[] = [];
  for (const step of STEPS) {
    if (names.length === 0 || names.includes(step.name)) counts.push(...(await runStep(step)));
  }
  const passed = counts.reduce((sum, step) => sum + step.passed, 0);
  const failed = counts.reduce((sum, step) => sum + step.failed, 0);
  console.log(`\n${passed} passed, ${failed} failed`);
  return failed === 0 ? 0 : 1;
}

async function runStep({ name, programs }: Step): Promise<Counts[]> {
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

type Ending = { output: string; exitCode: number };

/** Runs a program to its end. `onOutput` gets its output as it comes. */
async function run(
  words: readonly string[],
  onOutput: (bytes: Uint8Array) => void = () => {},
): Promise<Ending> {
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

/** The last lines of a failed test say most of it. */
const SHOWN_LINES = 150;

/** Returns the output of each failed test, which ends with the line of its name. */
function failuresOf(output: string): string[] {
  const failures: string[] = [];
  let lines: string[] = [];
  for (const line of output.split("\n")) {
    if (/^Ran \d+ tests? across /.test(line) || /^\d+ tests? failed:$/.test(line)) break;
    lines.push(line);
    if (line.startsWith("(fail) ")) failures.push(lines.slice(-SHOWN_LINES).join("\n"));
    if (/^\((fail|pass|skip|todo)\) |^\S+\.test\.ts:$/.test(line)) lines = [];
  }
  return failures;
}

function countTests({ output, exitCode }: Ending): Counts {
  const count = (word: string): number =>
    Number(new RegExp(`^\\s*(\\d+) ${word}$`, "m").exec(output)?.[1] ?? 0);
  const failed = count("fail");
  // A run that was ended has no failed test, but it must not count as passed.
  const isWhole = exitCode === 0 && /^Ran \d+ tests? across /m.test(output);
  return { passed: count("pass"), failed: isWhole ? failed : Math.max(failed, 1) };
}

function countStep(isPassed: boolean): Counts {
  return isPassed ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 };
}
