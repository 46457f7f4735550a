/**
 * Owns the requests by which the kernel tells of events of descriptors without a thread: the asynchronous
 * polls of io_submit(2), Linux 4.19 and newer.
 */
import { ptr } from "bun:ffi";
import { libc } from "./libc.ts";

/** A request to the kernel: add to an eventfd once a descriptor has an event. */
export type PollRequest = DataView;

/**
 * Makes a request for `submitPoll`; it is a `struct iocb` (include/uapi/linux/aio_abi.h). `token` is a number
 * for `collectPolls`.
 */
export function createPollRequest(fd: number, eventFd: number, token: number): PollRequest {
  const request = new DataView(new ArrayBuffer(IOCB_BYTES));
  request.setUint32(IOCB.data, token, true);
  request.setUint16(IOCB.opcode, IOCB_CMD_POLL, true);
  request.setUint32(IOCB.fd, fd, true);
  request.setUint32(IOCB.flags, IOCB_FLAG_RESFD, true);
  request.setUint32(IOCB.resultFd, eventFd, true);
  return request;
}

/**
 * Hands a request for `events` of poll(2) to the kernel, which works on it without a thread (Linux 4.19 and
 * newer). Returns false when the kernel does not take it.
 */
export function submitPoll(request: PollRequest, events: number): boolean {
  const { syscall } = libc();
  aioContext ??= openContext(most) ?? openContext(FEW_REQUESTS) ?? 0n;
  if (aioContext === 0n) return false;
  request.setUint32(IOCB.events, events, true);
  aioList[0] = BigInt(ptr(request));
  return syscall(IO.submit, aioContext, 1, ptr(aioList), 0, 0, 0) === 1;
}

/** The first request makes room for the pipes of hundreds of commands. Otherwise there is room for a few. */
export function expectManyPolls(): void {
  most = MANY_REQUESTS;
}

function openContext(requests: number): bigint | undefined {
  const context = new BigUint64Array(1);
  return libc().syscall(IO.setup, requests, ptr(context), 0, 0, 0, 0) === 0 ? context[0] : undefined;
}

/**
 * Gives the kernel's room for requests back, which takes tens of milliseconds: the kernel waits for all
 * processors. All requests end without a token, and `submitPoll` returns false until `allowPolls`.
 */
export function endPolls(): void {
  if (aioContext !== undefined) libc().syscall(IO.destroy, aioContext, 0, 0, 0, 0, 0);
  aioContext = 0n;
}

/** Lets `submitPoll` ask the kernel for room again. */
export function allowPolls(): void {
  aioContext = undefined;
}

/** Returns the tokens of finished requests. Each is returned once, and takes room until then. */
export function collectPolls(): number[] {
  const tokens: number[] = [];
  for (let count = AIO_COLLECTED; count === AIO_COLLECTED;) {
    count = libc().syscall(IO.getevents, aioContext ?? 0n, 0, AIO_COLLECTED, ptr(aioEvents), 0, 0);
    for (let index = 0; index < count; index++) tokens.push(aioEvents[index * AIO_EVENT_WORDS] ?? 0);
  }
  return tokens;
}

/** Takes a request back. Does nothing when it has been answered. */
export function cancelPoll(request: PollRequest): void {
  libc().syscall(IO.cancel, aioContext ?? 0n, ptr(request), ptr(aioEvents), 0, 0, 0);
}

/** io_submit(2). The calls' numbers are from syscalls(2), the rest from include/uapi/linux/aio_abi.h. */
const IO =
  process.arch === "arm64"
    ? { setup: 0, destroy: 1, submit: 2, cancel: 3, getevents: 4 }
    : { setup: 206, destroy: 207, submit: 209, cancel: 210, getevents: 208 };
const IOCB_BYTES = 64;
const IOCB = { data: 0, opcode: 16, fd: 20, events: 24, flags: 56, resultFd: 60 } as const;
const IOCB_CMD_POLL = 5;
const IOCB_FLAG_RESFD = 1;
/**
 * All processes together get `fs.aio-max-nr` requests, 65,536 by default, and virtual machines use them too.
 * So a command line takes no more than it needs.
 */
const FEW_REQUESTS = 16;
const MANY_REQUESTS = 1024;
let most = FEW_REQUESTS;
const AIO_COLLECTED = 64;
const AIO_EVENT_WORDS = 8;
const aioEvents = new Uint32Array(AIO_COLLECTED * AIO_EVENT_WORDS);
const aioList = new BigUint64Array(1);
/** Undefined before the first request, 0 if the system gives no context or it was given back. */
let aioContext: bigint | undefined;
