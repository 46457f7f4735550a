/** Reads the content of a command whose files were judged, in a child where a look could hang. */
import { realpathSync } from "node:fs";
import { NegotiatorError } from "../errors.ts";
import { currentMounts } from "../process/mount-table.ts";
import { answerForFiles, askForFiles } from "../trust/late-files.ts";
import type { FilesAnswer } from "../trust/late-files.ts";
import { readJudged } from "../trust/opened-file.ts";
import type { CommandFile } from "./command-files.ts";
import { arePinsLocal } from "./pin.ts";
import { cannotRun } from "./public-error.ts";

/** The question of a child that reads a command. */
export type ProgramQuestion = {
  kind: "program";
  path: string;
  file: Pick<CommandFile, "name" | "path" | "pins">;
  mostBytes: number;
};

/**
 * Resolves with the content that was judged. Rejects with `BUSY` if the file has changed since, with
 * `TOO_LARGE`, with `NOT_EXECUTABLE` if it is gone, and with `TIMEOUT` if it does not answer.
 */
export async function readProgram({ name, path, pins }: CommandFile, mostBytes: number): Promise<Uint8Array> {
  const question: ProgramQuestion = { kind: "program", path, file: { name, path, pins }, mostBytes };
  if (arePinsLocal(pins, currentMounts())) return readNow(question);
  return Buffer.from(await askForFiles<string>(question), "base64");
}

/** Answers the question with the bytes in base64, and may wait. */
export function answerProgram(question: ProgramQuestion): FilesAnswer<string> {
  return answerForFiles(() => Buffer.from(readNow(question)).toString("base64"));
}

function readNow({ file: { name, path, pins }, mostBytes }: ProgramQuestion): Uint8Array {
  const place = realpathSync(path);
  const status = pins.find((pin) => pin.path === place)?.status;
  if (status === undefined || status === null) throw cannotRun(name, "it is gone", GONE);
  if (status.size > mostBytes) {
    const message = `Cannot send "${name}" to the guest: it has more than ${mostBytes} bytes`;
    throw new NegotiatorError("TOO_LARGE", message, {
      remedy: "Make it a script, and install the program there",
    });
  }
  return readJudged(place, status, mostBytes);
}

const GONE = new NegotiatorError("NOT_EXECUTABLE", "The command is not a file");
