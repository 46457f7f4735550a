/** The README as tests see it: its blocks, the messages that it quotes, and whether words are ones of the program. */
import { expect } from "bun:test";
import { join } from "node:path";
import { runSource } from "./source-run.ts";

export const ROOT = join(import.meta.dir, "../..");
export const README = await Bun.file(join(ROOT, "README.md")).text();

/** The contents of the README's fenced blocks of a language, list indentation taken away. */
export function blocksOf(language: string): string[] {
  const blocks = README.matchAll(/^( *)```(\w+)\n(.*?)^ *```$/gms);
  return [...blocks]
    .filter(([, , found]) => found === language)
    .map(([, indent = "", , text = ""]) => text.replaceAll(new RegExp(`^${indent}`, "gm"), ""));
}

/** The README quotes the first line. */
export function expectMessage(message: string | Error): void {
  const [line = ""] = (message instanceof Error ? message.message : message).split("\n");
  expect(README).toContain(`- \`${line}\`\n`);
}

/** Settings are read after the words: who stumbles over a bad setting has understood the words. */
export async function expectGoodUsage(words: readonly string[]): Promise<void> {
  const { exitCode, stderr } = await runSource(words, { environment: { NEGOTIATOR_LOG_LEVEL: "bad" } });
  expect(stderr).toContain("NEGOTIATOR_");
  expect(exitCode).toBe(1);
}
