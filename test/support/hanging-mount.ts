/** A file system that never answers: a FUSE mount whose server does not read. Only root can make it. */
import { dlopen, ptr } from "bun:ffi";
import { closeSync, constants, mkdirSync, openSync, rmSync } from "node:fs";

/** The mount. Disposal ends all that hangs at it, and unmounts it. */
export type HangingMount = Disposable & { readonly path: string };

const MS_NOSUID = 2;
const MS_NODEV = 4;
const MNT_DETACH = 2;

/** Returns why this machine cannot have such a mount; undefined if it can. */
export function whyNoHangingMount(): string | undefined {
  if (process.getuid?.() !== 0) return "only root may mount";
  try {
    closeSync(openSync("/dev/fuse", constants.O_RDWR));
    return undefined;
  } catch {
    return "there is no /dev/fuse";
  }
}

/**
 * Makes the directory `path`, if it is not there, and mounts a file system there that answers nothing. The
 * kernel gives up the mount when this process ends, so a test that is killed leaves nothing that hangs.
 * `device` is its source. Disposal removes the directory.
 */
export function mountHanging(path: string, device = "hanging"): HangingMount {
  const libc = dlopen("libc.so.6", {
    mount: { args: ["ptr", "ptr", "ptr", "u64", "ptr"], returns: "i32" },
    umount2: { args: ["ptr", "i32"], returns: "i32" },
  });
  mkdirSync(path, { recursive: true });
  const server = openSync("/dev/fuse", constants.O_RDWR);
  const options = `fd=${server},rootmode=40755,user_id=0,group_id=0,allow_other`;
  const words = [device, path, "fuse", options].map(toText);
  const [source = toText(""), place = toText(""), type = toText(""), data = toText("")] = words;
  if (libc.symbols.mount(ptr(source), ptr(place), ptr(type), MS_NOSUID | MS_NODEV, ptr(data)) !== 0) {
    closeSync(server);
    throw new Error(`Cannot mount a file system that hangs at "${path}"`);
  }
  return {
    path,
    [Symbol.dispose]() {
      // The kernel then answers all that waits with ENOTCONN.
      closeSync(server);
      libc.symbols.umount2(ptr(place), MNT_DETACH);
      libc.close();
      rmSync(path, { recursive: true });
    },
  };
}

function toText(value: string): Buffer {
  return Buffer.from(`${value}\0`);
}
