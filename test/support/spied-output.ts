/** Captures what this process writes to stdout and stderr while some code runs. */
import { spyOn } from "bun:test";
import { standardOutput } from "../../src/standard-output.ts";

/** The result of the code, and its output. */
export type SpiedOutput<Result> = { result: Result; stdout: string; stderr: string };

/** Runs `write` and captures its output, which does not reach the terminal. */
export async function spyOnOutput<Result>(
  write: () => Result | Promise<Result>,
): Promise<SpiedOutput<Result>> {
  const written = { stdout: "", stderr: "" };
  using _ = spyOn(standardOutput, "write").mockImplementation((name, bytes) => {
    written[name] += typeof bytes === "string" ? bytes : new TextDecoder().decode(bytes);
    return Promise.resolve(true);
  });
  const result = await write();
  return { result, ...written };
}
