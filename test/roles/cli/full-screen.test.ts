/** The second screen of a terminal: entered, drawn, and given back. */
import { expect, spyOn, test } from "bun:test";
import { createFullScreen } from "../../../src/roles/cli/full-screen.ts";
import { standardOutput } from "../../../src/standard-output.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
const SIGNALS = ["SIGTSTP", "SIGCONT", "SIGWINCH"] as const;

const listeners = (): number[] => SIGNALS.map((name) => process.listenerCount(name));

test("a screen is entered once, drawn at once from its first line, and left at the end", async () => {
  const { stdout } = await spyOnOutput(async () => {
    await using screen = await createFullScreen();
    await screen.draw(["one", "two"]);
  });
  const drawn = "\u001b[?2026h\u001b[Hone\u001b[K\r\ntwo\u001b[K\u001b[J\u001b[?2026l";
  expect(stdout).toBe(ENTER + drawn + LEAVE);
});

test("a changed size and a return from a stop draw again, until the screen is left", async () => {
  let draws = 0;
  const { stdout } = await spyOnOutput(async () => {
    await using screen = await createFullScreen();
    screen.onChange(() => draws++);
    process.emit("SIGWINCH", "SIGWINCH");
    expect(draws).toBe(1);
    process.emit("SIGCONT", "SIGCONT");
    // The screen is entered first.
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
    expect(draws).toBe(2);
  });
  process.emit("SIGWINCH", "SIGWINCH");
  expect(draws).toBe(2);
  expect(stdout).toBe(ENTER + ENTER + LEAVE);
});

test("a screen that is left listens to no signals", async () => {
  const before = listeners();
  await spyOnOutput(async () => {
    await using _ = await createFullScreen();
    expect(listeners()).toEqual(before.map((count) => count + 1));
  });
  expect(listeners()).toEqual(before);
});

/** Turns of the promises that have settled. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

/** Returns whether the promise waits until the terminal has taken the bytes. */
async function waitsForTerminal<T>(act: () => Promise<T>): Promise<{ waited: boolean; result: T }> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  using _ = spyOn(standardOutput, "write").mockImplementation(() => promise);
  let isOver = false;
  const acting = act().finally(() => (isOver = true));
  await settle();
  const waited = !isOver;
  resolve(true);
  return { waited, result: await acting };
}

test("entering, drawing and leaving wait until the terminal has taken all", async () => {
  const { waited, result: screen } = await waitsForTerminal(createFullScreen);
  const drawn = await waitsForTerminal(() => screen.draw(["one"]));
  const left = await waitsForTerminal(async () => screen[Symbol.asyncDispose]());
  expect([waited, drawn.waited, left.waited]).toEqual([true, true, true]);
});

test("Ctrl-Z leaves the screen, and the program stops only when the terminal has taken that", async () => {
  const order: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<boolean>();
  let taken = Promise.resolve(true);
  using _ = spyOn(process, "kill").mockImplementation((...words) => {
    order.push(words);
    return true;
  });
  using written = spyOn(standardOutput, "write").mockImplementation((...words) => {
    order.push(words);
    return taken;
  });
  await using screen = await createFullScreen();
  taken = promise;
  process.emit("SIGTSTP", "SIGTSTP");
  await settle();
  const texts = [
    ["stdout", ENTER],
    ["stdout", LEAVE],
  ];
  expect(order).toEqual(texts);
  resolve(true);
  await settle();
  expect(order).toEqual([...texts, [process.pid, "SIGSTOP"]]);
  await screen.draw([]);
  expect(written).toHaveBeenCalledTimes(3);
});
