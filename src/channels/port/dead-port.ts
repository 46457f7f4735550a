/**
 * Notices a port that takes no bytes although the host sends some. QEMU 7.2 loses a buffer of the port at
 * some cuts in the middle of a flow: `discard_throttle_data` in `hw/char/virtio-serial-bus.c` does not give
 * it back to the guest. After about a hundred of them none is left, and the kernel waits for one without end.
 */
import { realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { NegotiatorError } from "../../errors.ts";
import { shellWord } from "../../shell-word.ts";

/** Follows the writes and reads of one port. Times are those of `performance.now`. */
export type PortProgress = {
  /** A write waits for room from now on, unless one waits already. */
  wait: (nowMs: number) => void;
  /** The port has taken bytes. */
  take: () => void;
  /** Bytes came from the host. Returns whether the port is dead. */
  hear: (nowMs: number) => boolean;
};

/** A host that reads takes bytes at once. One that does not read sends nothing for so long. */
const DEAD_MS = 20_000;
/** Bytes that come together count once. */
const APART_MS = 1000;
/** The host sends a hello again and again if it gets no answer. */
const TIMES_HEARD = 3;

/** Creates the progress of a port on which nothing waits. */
export function createPortProgress(): PortProgress {
  let waitsSinceMs: number | undefined;
  let heardMs = 0;
  let timesHeard = 0;
  return {
    wait(nowMs) {
      if (waitsSinceMs !== undefined) return;
      waitsSinceMs = nowMs;
      timesHeard = 0;
    },
    take: () => void (waitsSinceMs = undefined),
    hear(nowMs) {
      if (waitsSinceMs === undefined) return false;
      if (timesHeard === 0 || nowMs - heardMs >= APART_MS) {
        timesHeard++;
        heardMs = nowMs;
      }
      return timesHeard >= TIMES_HEARD && nowMs - waitsSinceMs >= DEAD_MS;
    },
  };
}

/** Returns the error for a dead port, whose label is its path, with the lines that make it work again. */
export function deadPortError(label: string): NegotiatorError {
  const device = deviceOf(label);
  const driver = "/sys/bus/virtio/drivers/virtio_console";
  const restart =
    device === undefined
      ? ""
      : `, or start its driver again, which interrupts all ports of the device: ` +
        `echo ${device} >${driver}/unbind; echo ${device} >${driver}/bind`;
  return new NegotiatorError(
    "NO_CHANNEL",
    `Port "${label}" is dead: the host sends, and the port takes no bytes. QEMU has lost its buffers`,
    { remedy: `Restart the guest${restart}` },
  );
}

/** The name of the virtio device, such as `virtio0`; undefined if the path is not a virtio-serial port. */
function deviceOf(path: string): string | undefined {
  try {
    const port = basename(realpathSync(path));
    return shellWord(basename(realpathSync(join("/sys/class/virtio-ports", port, "device"))));
  } catch {
    return undefined;
  }
}
