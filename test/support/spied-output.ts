/** Captures what this process writes to stdout and stderr while some code runs. */
import { spyOn } from "bun:test";

/** The result of the code, and its output. */
export type SpiedOutput<Result> = { result: Result; stdout: string; stderr: string };

/** Runs `write` and captures its output, which does not reach the terminal. */
export async function spyOnOutput<Result>(
  write: () => Result | Promise<Result>,
): Promise<SpiedOutput<Result>> {
  const written = { stdout: "", stderr: "" };
  const take = (name: keyof typeof written) => (text: string | Uint8Array) => {
    written[name] += String(text);
    return true;
  };
  using stdout = spyOn(process.stdout, "write").mockImplementation(take("stdout"));
  using stderr = spyOn(process.stderr, "write").mockImplementation(take("stderr"));
  const result = await write();
  stdout.mockRestore();
  stderr.mockRestore();
  return { result, ...written };
}
