/** The output of a command on our terminal, through pipes, and with `--raw`. */
import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { launchOnScreen } from "../../support/screen.ts";
import type { Screen } from "../../support/screen.ts";
import { PROGRAM } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import type { Stage } from "../../support/stage.ts";

setDefaultTimeout(180_000);

/** A title, a request for the cursor, a private mode, and a colour. */
const HOSTILE = "\\033]0;evil\\007\\033[6n\\033[?1049h\\033[31mred\\033[0m";
const HARMLESS = "\u001b[31mred\u001b[0m";
const WHOLE = "\u001b]0;evil\u0007\u001b[6n\u001b[?1049h\u001b[31mred\u001b[0m";

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
  await stage.guest().command("hostile", `#!/bin/sh\nprintf '${HOSTILE}' >&"\${1:-1}"\n`);
  await stage.host.command("hostile", `#!/bin/sh\nprintf '${HOSTILE}'\n`);
});
afterAll(() => stage[Symbol.asyncDispose]());

/** Runs a line of bash on a terminal, in which `"$@"` is the program. */
function onScreen(line: string): Screen {
  const env = { NEGOTIATOR_CONFIG: stage.at("host.toml") };
  return launchOnScreen([], { env, program: ["/bin/bash", "-c", line, "bash", ...PROGRAM] });
}

/** A line that starts a detached call and attaches to it. */
function attachTo(option: string): string {
  return `id=$("$@" host execute --detach web1 hostile); "$@" host attach ${option} "$id"`;
}

describe("a terminal", () => {
  test.each([
    ["gets only the harmless part of stdout", '"$@" host execute web1 hostile', HARMLESS],
    ["gets only the harmless part of stderr", '"$@" host execute web1 hostile 2', HARMLESS],
    ["gets only the harmless part in the option form", '"$@" host -e hostile web1', HARMLESS],
    ["gets only the harmless part after a detached call", attachTo(""), HARMLESS],
    ["gets every byte with --raw", '"$@" host execute --raw web1 hostile', WHOLE],
    ["gets every byte of a detached call with --raw", attachTo("--raw"), WHOLE],
  ])("%s", async (_, line, expected) => {
    await using screen = onScreen(line);
    expect(await screen.ended()).toBe(0);
    expect(screen.bytes()).toBe(expected);
  });
});

test("a pipe gets every byte, though stderr is a terminal", async () => {
  const copied = stage.at("copied");
  await using screen = onScreen(`"$@" host execute web1 hostile | cat >'${copied}'`);
  expect(await screen.ended()).toBe(0);
  expect({ screen: screen.bytes(), copied: await Bun.file(copied).text() }).toEqual({
    screen: "",
    copied: WHOLE,
  });
});

test("the guest's terminal gets only the harmless part of a host's command", async () => {
  const env = { NEGOTIATOR_CONFIG: stage.at("web1.toml") };
  await using screen = launchOnScreen(["guest", "execute", "hostile"], { env });
  expect(await screen.ended()).toBe(0);
  expect(screen.bytes()).toBe(HARMLESS);
});
