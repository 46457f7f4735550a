/** Words and variables that are not UTF-8: they are refused, because they cannot be carried byte by byte. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { createStage } from "../../support/stage.ts";
import type { Stage } from "../../support/stage.ts";
import { until } from "../../support/until.ts";

setDefaultTimeout(180_000);

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  for (const side of [stage.host, stage.guest()])
    await side.command(
      "bytes",
      "#!/bin/sh\nfor word; do printf %s \"$word\" | od -An -v -tx1 | tr -d ' \\n'; echo; done\n",
    );
});
afterAll(() => stage[Symbol.asyncDispose]());

describe("on a host", () => {
  test.each([
    ["execute web1 bytes $'\\xff'", 5, '"\\\\xff"'],
    ["execute web1 bytes $'gr\\xfcn'", 5, '"gr\\\\xfcn"'],
    ["execute web1 bytes ok $'\\xc3'", 6, '"\\\\xc3"'],
    ["execute web1 bytes $'\\xed\\xa0\\x80'", 5, '"\\\\xed\\\\xa0\\\\x80"'],
    ["execute web1 bytes $'\\xf4\\x90\\x80\\x80'", 5, '"\\\\xf4'],
    ["execute web1 bytes $'\\xc0\\x80'", 5, '"\\\\xc0\\\\x80"'],
    ["execute web1 bytes $'\\xef\\xbf\\xbd\\xff'", 5, '"\ufffd\\\\xff"'],
    ["execute web1 $'byt\\xffes'", 4, '"byt\\\\xffes"'],
    ["execute $'web\\xff' bytes", 3, '"web\\\\xff"'],
    ["execute --control $'/tmp/\\xff' web1 bytes", 4, '"/tmp/\\\\xff"'],
    ["$'exec\\xffute' web1 bytes", 2, '"exec\\\\xffute"'],
    ["-e $'bytes \\xff' web1", 3, '"bytes \\\\xff"'],
    ["check-policy web1 bytes $'\\xff'", 5, '"\\\\xff"'],
    ["status $'\\xff'", 3, '"\\\\xff"'],
    ["daemon --socket $'web1=/tmp/\\xff'", 4, '"web1=/tmp/\\\\xff"'],
  ])("%s is refused with exit code 2 and the number of the word", async (line, number, shown) => {
    const { exitCode, stdout, stderr } = await stage.host.shell(`"$@" ${line}`);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    const text = shown.replaceAll("\\\\", "\\");
    expect(stderr).toStartWith(`negotiator: Cannot read word ${number}: `);
    expect(stderr).toContain(text);
    expect(stderr).toContain("not UTF-8");
    expect(stderr.split("\n")).toHaveLength(3);
  });

  test.each(["NEGOTIATOR_CONFIG", "NEGOTIATOR_HOST_CONTROL", "NEGOTIATOR_POLICY_FILE"])(
    "a variable %s that is not UTF-8 is refused with exit code 125",
    async (name) => {
      const { exitCode, stdout, stderr } = await stage.host.shell(
        `${name}=$'/tmp/\\xff' "$@" execute web1 bytes`,
      );
      expect({ exitCode, stdout }).toEqual({ exitCode: 125, stdout: "" });
      expect(stderr).toContain(`the variable ${name} is not UTF-8`);
    },
  );

  test.each([
    ["\ufffd", "efbfbd"],
    ["grün 🦀", "6772c3bc6e20f09fa680"],
    ["\u{10ffff}\ufeff", "f48fbfbfefbbbf"],
    ["\u0001\u007f\u0085", "017fc285"],
  ])("the word %j arrives byte by byte", async (word, bytes) => {
    const ended = await stage.host.run(["execute", "web1", "bytes", word]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: `${bytes}\n`, stderr: "" });
  });
});

describe("in a guest", () => {
  test("an argument that is not UTF-8 is refused with exit code 2", async () => {
    const ended = await stage.guest().shell("\"$@\" execute bytes $'\\xff'");
    expect(ended).toMatchObject({ exitCode: 2, stdout: "" });
  });

  test("the audit shows the bytes of a program's name that is not UTF-8", async () => {
    const path = stage.at("program");
    const line = `cp "$(command -v "$1")" ${path}$'\\xff'; ${path}$'\\xff' "\${@:2}" execute bytes`;
    expect(await stage.guest().shell(line)).toMatchObject({ exitCode: 0 });
    await until("the audit has the name", async () =>
      JSON.stringify(await stage.host.audit()).includes(String.raw`"program":"program\\xff"`),
    );
  });

  test("U+FFFD as an argument arrives byte by byte", async () => {
    const ended = await stage.guest().run(["execute", "bytes", "\ufffd"]);
    expect(ended).toMatchObject({ exitCode: 0, stdout: "efbfbd\n" });
  });
});
