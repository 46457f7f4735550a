/** The completion scripts in real shells on a pseudoterminal, with a real daemon. */
import { afterAll, beforeAll, describe, test } from "bun:test";
import { chmod, mkdir } from "node:fs/promises";
import { createStage } from "../../../support/stage.ts";
import type { Stage } from "../../../support/stage.ts";
import { hostBinary } from "../../../support/binary.ts";
import { leaveOut } from "../../../support/leave-out.ts";
import { hasTool } from "../../../support/requirements.ts";
import { until } from "../../../support/until.ts";

const TIMEOUT_MS = 180_000;
const LOOKS_TO_TAB = 100;

let stage: Stage;

/** Describes what a shell completes. As root on Debian the shell is installed first. */
async function describeWithShell(shell: string, body: () => void): Promise<void> {
  if (await hasTool({ program: shell, package: shell })) describe(`${shell} completes`, body);
  else leaveOut(`${shell} completes`, `Left out: this machine has no ${shell}`, body);
}

beforeAll(async () => {
  stage = await createStage({ guests: ["web-front", "web back", "$(touch evil)"] });
  await stage.guest("web-front").command("restart-service", "#!/bin/sh\n# negotiator: Restart a service.\n");
  const program = stage.at("bin/negotiator");
  await mkdir(stage.at("bin"), { recursive: true });
  const config = `NEGOTIATOR_CONFIG='${stage.at("host.toml")}'`;
  await Bun.write(
    program,
    `#!/bin/sh
${config} exec '${await hostBinary()}' "$@"
`,
  );
  await chmod(program, 0o755);
  await Bun.write(stage.at("here/notes.txt"), "");
}, TIMEOUT_MS);

afterAll(() => stage[Symbol.asyncDispose]());

/** How each shell starts without files of a user, and reads the script. The last word is the prompt. */
const SHELLS = {
  bash: {
    argv: ["bash", "--norc", "--noprofile", "-i"],
    setup: "PS1='ready> '; source <(negotiator completion bash)\n",
  },
  zsh: {
    argv: ["zsh", "-f", "-i"],
    setup: "PS1='ready> '; autoload -U compinit; compinit -u -D; source <(negotiator completion zsh)\n",
  },
} as const;

/** The environment of the shells: they find the program, and no files of a user. */
function environment(): Record<string, string> {
  return { PATH: `${stage.at("bin")}:/usr/bin:/bin`, HOME: stage.at("here"), TERM: "dumb", LANG: "C.UTF-8" };
}

/** Types `keys` at the prompt of a shell, and resolves when its screen has `shown`. */
async function type(shell: keyof typeof SHELLS, keys: string, shown: string | RegExp): Promise<string> {
  const { argv, setup } = SHELLS[shell];
  let screen = "";
  const decoder = new TextDecoder();
  const terminal = new Bun.Terminal({
    cols: 200,
    rows: 50,
    data: (_terminal, bytes) => void (screen += decoder.decode(bytes, { stream: true })),
  });
  const env = environment();
  await using child = Bun.spawn([...argv], { cwd: stage.at("here"), env, terminal });
  terminal.write(setup);
  await until("the shell has a prompt", () => clean(screen).endsWith("ready> "));
  screen = "";
  terminal.write(keys);
  let looks = 0;
  try {
    await until(`the screen has ${String(shown)}`, () => {
      // A busy machine can take longer than a person waits, who presses the key again.
      if (++looks % LOOKS_TO_TAB === 0) terminal.write("\t");
      return clean(screen).match(shown) ?? undefined;
    });
  } catch (thrown) {
    throw new Error(`The screen has: ${JSON.stringify(screen)}`, { cause: thrown });
  } finally {
    child.kill("SIGKILL");
    await child.exited;
    terminal.close();
  }
  return clean(screen);
}

/** The sequences with which a shell moves the cursor or sets a title, and what moves within a line. */
// oxlint-disable-next-line no-control-regex -- control characters are what is removed
const CONTROLS = /\u001b(?:\[[0-9;?>=]*[a-zA-Z]|[=>78]|\][^\u0007]*\u0007|\([A-Z0-9])|[\r\u0007]/g;

/** Returns what the screen shows, without control sequences. */
function clean(screen: string): string {
  return screen.replaceAll(CONTROLS, "");
}

/** The keys that a person types, and what the shell shows then. */
const LINES: readonly [title: string, keys: string, shown: string | RegExp][] = [
  ["a subcommand", "negotiator host exec\t", "negotiator host execute "],
  ["an option", "negotiator host execute --no-st\t", "negotiator host execute --no-stdin "],
  ["a guest's name from the daemon", "negotiator host execute web-\t", "execute web-front "],
  ["a guest's name with a blank, quoted", "negotiator host execute web\\ b\t", /execute web\\ back/],
  [
    "a command's name from the guest",
    "negotiator host execute web-front rest\t",
    "web-front restart-service ",
  ],
  ["a value of an option after =", "negotiator host status --log-format=js\t", "--log-format=json "],
  ["a file for an option", "negotiator host status --config not\t", "--config notes.txt"],
  ["a page", "negotiator man negotiator-po\t", "negotiator-policy "],
];

for (const shell of ["bash", "zsh"] as const)
  await describeWithShell(shell, () => {
    test.each(LINES)(
      "%s",
      async (_, keys, shown) => {
        await type(shell, keys, shown);
      },
      TIMEOUT_MS,
    );
  });

await describeWithShell("fish", () => {
  test.each([
    ["a subcommand", "negotiator host exec", /^execute\t/],
    ["an option", "negotiator host execute --no-st", /^--no-stdin\t/],
    ["a guest's name from the daemon", "negotiator host execute web-", /^web-front\topen$/],
    ["a command's name from the guest", "negotiator host execute web-front rest", /^restart-service\t/],
    ["a value of an option after =", "negotiator host status --log-format=js", /^--log-format=json$/],
    ["a file for an option", "negotiator host status --config not", /^notes\.txt$/],
  ])("%s", async (_, line, shown) => {
    const script = "negotiator completion fish | source; complete -C $argv[1]";
    const argv = ["fish", "--no-config", "-c", script, line];
    await until("fish has the candidate", async () => {
      await using child = Bun.spawn(argv, { cwd: stage.at("here"), env: environment(), stdout: "pipe" });
      return shown.test((await child.stdout.text()).trim()) || undefined;
    });
  });
});
