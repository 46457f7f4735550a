/** The helper of an `OrderQueue`: a process with a pipe for orders, and one for its answers. */
import { closeSync } from "node:fs";
import { awaitAdopted } from "./adopted-child.ts";
import { startBackgroundChild } from "./background-child.ts";
import { watchDescriptor } from "./descriptor-watch.ts";
import type { DescriptorWatch } from "./descriptor-watch.ts";
import { noteChild, noteDescriptor } from "./kept-resources.ts";
import { resizePipe, setNonBlocking } from "./libc.ts";
import { createPipe } from "./pipe.ts";

/** `sent` and `sentBytes`: orders, and bytes of the next one, that the pipe has taken. */
export type OrderHelper = HelperFacts & {
  answers: DescriptorWatch;
  room: DescriptorWatch;
  sent: number;
  sentBytes: number;
  hasAnswered: boolean;
  isListening: boolean;
  isWaitingForRoom: boolean;
  /** Runs while there may be answers that were not read. */
  reading: Timer | undefined;
};

/** A helper as plain data: its process, our ends of its pipes, and the beginning of its next line. */
export type HelperFacts = { pid: number; inFd: number; outFd: number; partial: string };

/** Starts a helper whose pipe takes so many bytes. `onExit` gets its process id, at its end. */
export function startHelper(
  cmd: readonly string[],
  pipeBytes: number,
  onExit: (pid: number) => void,
): OrderHelper {
  using theirs = new DisposableStack();
  using ours = new DisposableStack();
  const orders = createPipe();
  theirs.defer(() => closeSync(orders.readFd));
  ours.defer(() => closeSync(orders.writeFd));
  const answers = createPipe();
  theirs.defer(() => closeSync(answers.writeFd));
  ours.defer(() => closeSync(answers.readFd));
  const pid = startBackgroundChild(cmd, [orders.readFd, answers.writeFd, "ignore"], onExit);
  for (const fd of [orders.writeFd, answers.readFd]) setNonBlocking(fd);
  resizePipe(orders.writeFd, pipeBytes);
  ours.move();
  return openHelper({ pid, inFd: orders.writeFd, outFd: answers.readFd, partial: "" });
}

/** Goes on with a helper of the program before. */
export function adoptHelper(facts: HelperFacts, onExit: (pid: number) => void): OrderHelper {
  void awaitAdopted(facts.pid, () => undefined).then(() => onExit(facts.pid));
  return { ...openHelper(facts), hasAnswered: true };
}

/** Returns a helper without unanswered orders, for `adoptHelper` of the program that replaces this one. */
export function freezeHelper({ pid, inFd, outFd, partial }: OrderHelper): HelperFacts {
  noteChild(pid);
  return { pid, inFd: noteDescriptor(inFd), outFd: noteDescriptor(outFd), partial };
}

/** Closes our ends. The helper ends at the end of its input. */
export function releaseHelper({ answers, room, inFd, outFd, reading }: OrderHelper): void {
  clearTimeout(reading);
  answers.close();
  room.close();
  closeSync(inFd);
  closeSync(outFd);
}

function openHelper(facts: HelperFacts): OrderHelper {
  return {
    ...facts,
    answers: watchDescriptor(facts.outFd, { isPipe: true }),
    room: watchDescriptor(facts.inFd, { isPipe: true }),
    sent: 0,
    sentBytes: 0,
    hasAnswered: false,
    isListening: false,
    isWaitingForRoom: false,
    reading: undefined,
  };
}
