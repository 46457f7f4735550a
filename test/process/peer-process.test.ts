/** The process at the other end of a socket. */
import { expect, test } from "bun:test";
import { closeSync } from "node:fs";
import { identifyPeer } from "../../src/process/peer-process.ts";
import { createPipe, createSocketPair } from "../../src/process/pipe.ts";
import { watchOpenFiles } from "../support/open-files.ts";

test("the other end of our own pair is this process, which runs until the peer is disposed of", async () => {
  const listOpened = await watchOpenFiles(/^anon_inode:\[pidfd\]|^pidfd:|^socket:/);
  const { ourFd, theirFd } = createSocketPair();
  const peer = identifyPeer(ourFd);
  expect([peer?.pid, peer?.uid, peer?.isRunning()]).toEqual([process.pid, process.getuid?.(), true]);
  peer?.[Symbol.dispose]();
  peer?.[Symbol.dispose]();
  for (const fd of [ourFd, theirFd]) closeSync(fd);
  expect([peer?.isRunning(), await listOpened()]).toEqual([false, []]);
});

test("a descriptor that is not a socket has no process", () => {
  const { readFd, writeFd } = createPipe();
  expect(identifyPeer(readFd)).toBeUndefined();
  for (const fd of [readFd, writeFd]) closeSync(fd);
});
