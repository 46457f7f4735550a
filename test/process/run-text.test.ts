/** Programs that are run for their text output: results and failures. */
import { describe, expect, test } from "bun:test";
import { runText, spawnLines } from "../../src/process/run-text.ts";
import { listGroup } from "../support/captured-run.ts";
import { rejectionOf } from "../support/error-of.ts";
import { until } from "../support/until.ts";

const OPTIONS = {
  timeoutMs: 10_000,
  outputBytes: 1000,
  environment: {},
  signal: new AbortController().signal,
};

function ask(script: string, changes: Partial<typeof OPTIONS> = {}) {
  return runText(["sh", "-c", script], { ...OPTIONS, ...changes });
}

function follow(script: string, signal = OPTIONS.signal) {
  return spawnLines(["sh", "-c", script], { environment: {}, signal });
}

describe("runText", () => {
  test("runText returns both outputs and the exit code", async () => {
    const asked = ask("echo grün; echo $LC_ALL >&2; exit 3", { environment: { LC_ALL: "C" } });
    expect(await asked).toEqual({ exitCode: 3, stdout: "grün\n", stderr: "C\n" });
  });

  test("runText gives the program an empty input and only a few variables", async () => {
    const { stdout } = await ask("cat; env | cut -d= -f1");
    const allowed = new Set(["HOME", "PATH", "PWD", "XDG_RUNTIME_DIR", "_", "SHLVL", "OLDPWD"]);
    expect(stdout.split("\n").filter((name) => name !== "" && !allowed.has(name))).toEqual([]);
  });

  test("runText takes outputBytes of output and rejects one byte more with TOO_LARGE", async () => {
    expect((await ask("head -c 1000 /dev/zero")).stdout).toHaveLength(1000);
    const surplus = await rejectionOf(ask("head -c 1001 /dev/zero"));
    expect(surplus).toMatchObject({
      code: "TOO_LARGE",
      message: expect.stringContaining("more than 1000 bytes"),
    });
    expect((await rejectionOf(ask("cat /dev/zero >&2"))).code).toBe("TOO_LARGE");
  });

  test("runText rejects with TIMEOUT at its deadline and with CANCELLED after an abort", async () => {
    expect((await rejectionOf(ask("sleep 600", { timeoutMs: 50 }))).code).toBe("TIMEOUT");
    const stop = new AbortController();
    const asked = ask("sleep 600", { signal: stop.signal });
    stop.abort();
    expect((await rejectionOf(asked)).code).toBe("CANCELLED");
    expect((await rejectionOf(ask("true", { signal: AbortSignal.abort() }))).code).toBe("CANCELLED");
  });

  test("runText rejects a missing program with NO_COMMAND and its name", async () => {
    const error = await rejectionOf(runText(["no-such-program", "x"], OPTIONS));
    expect(error).toMatchObject({
      code: "NO_COMMAND",
      message: 'There is no program "no-such-program" on the PATH',
    });
  });
});

describe("spawnLines", () => {
  test("spawnLines yields whole lines, even if a letter comes in two chunks", async () => {
    const lines = await Array.fromAsync(
      follow(String.raw`printf 'one\ngr\303'; sleep 0.05; printf '\274n\nrest'`),
    );
    expect(lines).toEqual(["one", "grün"]);
  });

  test("spawnLines cuts a line of 3 MB to less than 200 kB, and yields the next line", async () => {
    const lines = await Array.fromAsync(follow("head -c 3000000 /dev/zero | tr '\\0' x; echo; echo last"));
    expect(lines).toHaveLength(2);
    expect(lines[0]?.length).toBeWithin(1, 200_000);
    expect(lines[1]).toBe("last");
  });

  test("spawnLines ends the program after a break out of the loop and after an abort", async () => {
    const stop = new AbortController();
    for (const isLeft of [true, false]) {
      let group = 0;
      for await (const line of follow("echo $$; exec sleep 600", stop.signal)) {
        group = Number(line);
        if (isLeft) break;
        stop.abort();
      }
      await until("the program has ended", async () => (await listGroup(group)).length === 0);
    }
  });

  test("spawnLines rejects a missing program with NO_COMMAND", async () => {
    const lines = spawnLines(["no-such-program"], { environment: {}, signal: OPTIONS.signal });
    expect((await rejectionOf(Array.fromAsync(lines))).code).toBe("NO_COMMAND");
  });
});
