/** Mounts a disk image with guestmount of libguestfs, for as long as some work in it takes. */
import { existsSync } from "node:fs";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { imageToolEnvironment } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { printable } from "../../printable.ts";
import { shellWord } from "../../shell-word.ts";
import { standardOutput } from "../../standard-output.ts";
import { findPrograms } from "./present-programs.ts";
import { runCommand } from "./run-command.ts";

/** libguestfs boots a small machine, without KVM an emulated one. */
const MOUNT_MS = 900_000;

/** A directory that is there for a moment, and the name that people know it by. */
export type ShownPlace = { directory: string; name: string };

/** Returns a text in which the directory has its name: `web.qcow2:/etc/group`. */
export function nameDirectory(text: string, { directory, name }: ShownPlace): string {
  return text.replaceAll(`${directory}/`, `${name}:/`).replaceAll(directory, name);
}

/**
 * Runs `work` with the directory where the image is mounted. Throws `UNSUPPORTED` without guestmount. Errors
 * of `work` name the image in place of the directory, which is gone then.
 */
export async function withMountedImage<Result>(
  image: string,
  work: (root: string) => Promise<Result>,
): Promise<Result> {
  if (!existsSync(image)) {
    throw new NegotiatorError(
      "BAD_USAGE",
      `Cannot use --image "${printable(image)}": there is no such file`,
      {
        remedy: `Look for it: ls -l ${shellWord(image)}`,
      },
    );
  }
  const hasProgram = await findPrograms();
  if (!hasProgram("guestmount")) {
    throw new NegotiatorError("UNSUPPORTED", "Cannot open the image: guestmount of libguestfs is not here", {
      remedy:
        "Install it: apt-get install guestmount, or dnf install guestfs-tools\n" +
        "Or mount the image yourself, and use --root",
    });
  }
  const directory = await mkdtemp(join(tmpdir(), "negotiator-image-"));
  const options = { timeoutMs: MOUNT_MS, environment: imageToolEnvironment() };
  await standardOutput.write("stderr", "Opening the image with guestmount; without KVM this takes minutes\n");
  try {
    await runCommand(["guestmount", "-a", image, "-i", directory], options);
    try {
      return await work(directory);
    } catch (thrown) {
      const { code, message, data } = NegotiatorError.from(thrown);
      const shown = nameDirectory(message, { directory, name: image });
      throw new NegotiatorError(code, shown, { data, cause: thrown });
    } finally {
      // guestunmount waits for the program that writes the image.
      await runCommand(["guestunmount", directory], options);
    }
  } finally {
    await rmdir(directory);
  }
}
