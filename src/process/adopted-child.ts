/** Waits for children that the program before has started in the same process. */
import { closeSync } from "node:fs";
import { EVENTS, watchDescriptor } from "./descriptor-watch.ts";
import { collectChild, openProcess } from "./libc-process.ts";
import type { ExitFacts } from "./libc-process.ts";
import { forgetChild, rememberChild } from "./orphans.ts";

/** Resolves with the end of a child that Bun does not know. `onReaped` is called in the same turn. */
export async function awaitAdopted(pid: number, onReaped: () => void): Promise<ExitFacts> {
  rememberChild(pid);
  const processFd = openProcess(pid);
  const watch = processFd === undefined ? undefined : watchDescriptor(processFd);
  for (;;) {
    const ended = collectChild(pid);
    if (ended !== undefined) {
      onReaped();
      forgetChild(pid);
      watch?.close();
      if (processFd !== undefined) closeSync(processFd);
      return ended;
    }
    await (watch?.changed(EVENTS.IN) ?? Bun.sleep(LOOK_MS));
  }
}

/** Before Linux 5.3 no descriptor stands for a process. */
const LOOK_MS = 20;
