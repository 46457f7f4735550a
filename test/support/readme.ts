/** Reads the README for tests: its code blocks, the messages that it quotes, and its command lines. */
import { expect } from "bun:test";
import { join } from "node:path";
import { runSource } from "./source-run.ts";

/** The path of the repository. */
export const ROOT = join(import.meta.dir, "../..");
/** The text of the README. */
export const README = await Bun.file(join(ROOT, "README.md")).text();

/** Returns the README's code blocks in a language, without the indentation of lists. */
export function blocksOf(language: string): string[] {
  const blocks = README.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms);
  return [...blocks]
    .filter(([, , found]) => found === language)
    .map(([, indent = "", , text = ""]) => text.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

/** Expects the README to quote the first line of a message. */
export function expectMessage(message: string | Error): void {
  const [line = ""] = (message instanceof Error ? message.message : message).split("\n");
  expect(README).toContain(`- \`${line}\`\n`);
}

/** Expects the program to accept the words: it then fails on a bad setting, which it reads later. */
export async function expectGoodUsage(words: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runSource(words, { environment: { NEGOTIATOR_LOG_LEVEL: "bad" } });
  expect(stderr).toContain("NEGOTIATOR_");
  expect(exitCode).toBe(1);
}
