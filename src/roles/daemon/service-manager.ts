/** What systemd and the daemon tell each other: how it fares, by the datagrams of sd_notify(3), and where its log goes. */
import { fstatSync } from "node:fs";
import { dlopen, ptr } from "bun:ffi";
import { logFor } from "../../log.ts";

/** `READY=1`, `RELOADING=1`, `STOPPING=1`, `STATUS=…` and so on; several are separated by line ends. */
export type ServiceNews = string;

/** musl takes the name for its own, as src/process/pipe.ts explains. */
const LIBC = "libc.so.6";
/** clock_gettime(2), include/uapi/linux/time.h. */
const CLOCK_MONOTONIC = 1;
const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
/** sun_path of sockaddr_un, unix(7). */
const PATH_BYTES = 108;

const log = logFor("service");

/**
 * Sends one message to `socket`, the value of `$NOTIFY_SOCKET`; without one nothing is done. A failure is logged and
 * nothing more: a daemon that serves is better than one that is right about its supervisor.
 */
export function notifyService(socket: string | undefined, news: ServiceNews): void {
  if (socket === undefined || socket === "") return;
  const path = new TextEncoder().encode(socket.replace(/^@/, "\0"));
  if (path.length >= PATH_BYTES)
    return log.warn(`Cannot notify the service manager: "${socket}" is too long`);
  const address = new Uint8Array(2 + path.length);
  new DataView(address.buffer).setUint16(0, AF_UNIX, true);
  address.set(path, 2);
  if (!sendDatagram(address, new TextEncoder().encode(news))) {
    log.warn(`Cannot notify the service manager at "${socket}"`);
  }
}

/**
 * Whether the journal reads `descriptor`: whether that is the stream that `$JOURNAL_STREAM` names
 * by device and inode, in decimal (systemd.exec(5)). The variable alone says nothing, as children inherit it.
 */
export function isJournal(stream: string | undefined, descriptor: number): boolean {
  if (stream === undefined) return false;
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return stream === `${dev}:${ino}`;
}

/** The news of a reload that begins now, with its time by CLOCK_MONOTONIC, as sd_notify(3) asks. */
export function reloadingNow(): ServiceNews {
  // Bun's own clocks count from the start of the process.
  const library = dlopen(LIBC, { clock_gettime: { args: ["i32", "ptr"], returns: "i32" } });
  const time = new BigInt64Array(2);
  library.symbols.clock_gettime(CLOCK_MONOTONIC, ptr(time));
  library.close();
  const [seconds = 0n, nanoseconds = 0n] = time;
  return `RELOADING=1\nMONOTONIC_USEC=${seconds * 1_000_000n + nanoseconds / 1000n}`;
}

function sendDatagram(address: Uint8Array, message: Uint8Array): boolean {
  const library = dlopen(LIBC, {
    socket: { args: ["i32", "i32", "i32"], returns: "i32" },
    sendto: { args: ["i32", "ptr", "u64", "i32", "ptr", "u32"], returns: "i64" },
    close: { args: ["i32"], returns: "i32" },
  });
  const { symbols: libc } = library;
  try {
    const descriptor = libc.socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0) return false;
    const sent = libc.sendto(descriptor, ptr(message), message.length, 0, ptr(address), address.length);
    libc.close(descriptor);
    return Number(sent) === message.length;
  } finally {
    library.close();
  }
}
