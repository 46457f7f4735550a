/** Holds the kernel's lock of a pipe, as a writer does whose memory never comes: only root can do it here. */

/**
 * A writer takes the lock of the pipe and then waits for its memory, which a file system or, as here,
 * userfaultfd(2) has to give and never does. A reader waits for that lock, also one that does not block.
 */
const HOLDER = `
import ctypes, fcntl, mmap, os, platform, signal, struct, sys
libc = ctypes.CDLL(None)
fault = libc.syscall(282 if platform.machine() == "aarch64" else 323, os.O_CLOEXEC)
fcntl.ioctl(fault, 0xC018AA3F, bytearray(struct.pack("QQQ", 0xAA, 0, 0)))
memory = mmap.mmap(-1, mmap.PAGESIZE)
address = ctypes.addressof(ctypes.c_char.from_buffer(memory))
fcntl.ioctl(fault, 0xC020AA00, bytearray(struct.pack("QQQQ", address, mmap.PAGESIZE, 1, 0)))
print("waits", flush=True)
path = sys.stdin.readline().strip()
signal.alarm(int(sys.argv[2]))
try: pipe = os.open(path, os.O_WRONLY if sys.argv[1] == "writer" else os.O_RDONLY)
except FileNotFoundError: sys.exit()
print("holds", flush=True)
(libc.write if sys.argv[1] == "writer" else libc.read)(pipe, ctypes.c_void_p(address), mmap.PAGESIZE)
`;

/** A process that can hold a lock. Disposal ends it. */
export type PipeHolder = AsyncDisposable & {
  /** Holds the lock of the pipe at `path`, such as `/proc/PID/fd/1`. Resolves with false without one. */
  hold(path: string): Promise<boolean>;
};

/** Starts a process that can hold the lock of a pipe, from its end `as`, at most `seconds`. */
export async function startPipeHolder(
  as: "writer" | "reader",
  { seconds }: { seconds: number },
): Promise<PipeHolder> {
  const holder = Bun.spawn(["python3", "-c", HOLDER, as, `${seconds}`], { stdin: "pipe", stdout: "pipe" });
  const output = holder.stdout.getReader();
  if ((await output.read()).value === undefined)
    throw new Error("The lock of a pipe cannot be held: is there userfaultfd?");
  return {
    async hold(path) {
      void holder.stdin.write(`${path}\n`);
      await holder.stdin.flush();
      return (await output.read()).value !== undefined;
    },
    async [Symbol.asyncDispose]() {
      holder.kill("SIGKILL");
      await holder.exited;
    },
  };
}
