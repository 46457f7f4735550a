/** Runs this program as a helper of the daemon; `process/ask-program.ts` starts it so. */
import type { Outcome } from "./subcommand.ts";

/** Does the task that the first word names. The words are the daemon's own, and give no rights to others. */
export async function runOwnTask([task, ...words]: readonly string[]): Promise<Outcome> {
  const [first = "", ...rest] = words;
  switch (task) {
    case "start": {
      const { startInPlace } = await import("../../process/start-in-place.ts");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
      startInPlace(JSON.parse(first) as Parameters<typeof startInPlace>[0], rest);
      return { exitCode: NOT_STARTED };
    }
    case "explain": {
      const { explainFiles } = await import("../../process/executable-fault.ts");
      const [place = ""] = rest;
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
      const errno = first as Parameters<typeof explainFiles>[0];
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
      const fault = explainFiles(errno, JSON.parse(place) as Parameters<typeof explainFiles>[1]);
      return print(JSON.stringify(fault));
    }
    case "describe": {
      const { describeBuild } = await import("../daemon/state-version.ts");
      return print(JSON.stringify(describeBuild()));
    }
    case "freeze": {
      const { freezeAndWait } = await import("../../process/freeze-child.ts");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
      const order = JSON.parse(first) as Parameters<typeof freezeAndWait>[0];
      await freezeAndWait(order, (report) => print(`${JSON.stringify(report)}\n`));
      return { exitCode: 0, isStuck: true };
    }
    case "freeze-each": {
      const { freezeEach } = await import("../../process/freeze-child.ts");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the child of the daemon wrote it
      freezeEach(JSON.parse(first) as string[]);
      return { exitCode: 0 };
    }
    case "thaw": {
      const { thawPaths } = await import("../../process/freeze-child.ts");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
      return print(String(thawPaths(JSON.parse(first) as string[])));
    }
    case "trim": {
      const { trimPath } = await import("../../process/trim-child.ts");
      return print(JSON.stringify(trimPath(first, BigInt(rest[0] ?? "0"))));
    }
    case "builtins":
      return answerBuiltins();
    case "audit": {
      const { writeAudit } = await import("../../process/audit-writer.ts");
      // oxlint-disable-next-line typescript/no-unsafe-type-assertion -- the daemon wrote it
      await writeAudit(JSON.parse(first) as Parameters<typeof writeAudit>[0]);
      return { exitCode: 0 };
    }
    case "carry": {
      const { carry } = await import("../../process/start-in-place.ts");
      carry();
      return { exitCode: 0 };
    }
    default:
      return { exitCode: NOT_STARTED };
  }
}

const NOT_STARTED = 127;

/** Writes the output of a built-in command, as a line of JSON, for each line that has its name. */
async function answerBuiltins(): Promise<Outcome> {
  const { runHere } = await import("../../methods/builtin/builtins.ts");
  for await (const name of console) {
    const output = await runHere(name);
    if (output === undefined) return { exitCode: NOT_STARTED };
    await print(`${JSON.stringify(output)}\n`);
  }
  return { exitCode: 0 };
}

async function print(text: string): Promise<Outcome> {
  const { standardOutput } = await import("../../standard-output.ts");
  const isWritten = await standardOutput.write("stdout", text);
  return { exitCode: isWritten ? 0 : 1 };
}
