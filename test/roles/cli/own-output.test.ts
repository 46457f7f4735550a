/** Our standard output and error that cannot be written: the exit code is not mistaken for the command's. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createStage } from "../../support/stage.ts";
import type { Stage } from "../../support/stage.ts";

setDefaultTimeout(180_000);

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  for (const [name, script] of Object.entries({
    out: 'yes | head -c "$1"',
    errors: "echo error >&2",
    end: 'exit "$1"',
  }))
    await stage.guest().command(name, `#!/bin/sh\n${script}\n`);
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("execute", () => {
  test.each([
    [">/dev/full", "execute web1 out 10", "Cannot write to stdout: ENOSPC"],
    [">/dev/full", "execute web1 out 3000000", "Cannot write to stdout: ENOSPC"],
    ["0</dev/null 1<&0", "execute web1 out 10", "Cannot write to stdout: EBADF"],
  ])("with %s, %j exits with 125 and %j", async (redirection, words, message) => {
    const ended = await stage.host.shell(`"$@" ${words} ${redirection}`);
    expect(ended).toMatchObject({ exitCode: 125, stderr: expect.stringContaining(message) });
  });

  test("a stderr that is full gives the exit code 125", async () => {
    expect(await stage.host.shell('"$@" execute web1 errors 2>/dev/full')).toMatchObject({ exitCode: 125 });
  });

  test.each([
    [">/dev/full", "execute web1 end 7", 7],
    ["2>/dev/full", "execute web1 end 7", 7],
    ["2>/dev/full", "execute web1 nothing", 127],
    ["2>&-", "execute web1 nothing", 127],
    ["2>/dev/full", "execute nobody end 7", 125],
    [">/dev/full", "list-guests", 1],
  ])("with %s, %j exits with %d", async (redirection, words, exitCode) => {
    expect(await stage.host.shell(`"$@" ${words} ${redirection}`)).toMatchObject({ exitCode });
  });
});
