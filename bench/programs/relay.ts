/**
 * Passes bytes on without a protocol: the yardstick for bytes through both daemons and a command line.
 * Words: `guest-out PORT COMMAND`, `guest-in PORT BYTES COMMAND`, `host PORT CONTROL`,
 * `client-out CONTROL BYTES`, `client-in CONTROL`.
 */
import { writeSync } from "node:fs";

/** Takes bytes. A promise means: it takes more when the promise has resolved. */
type Taker = (bytes: Uint8Array) => Promise<unknown> | undefined;

class Wire {
  readonly #socket: Bun.Socket<Wire | undefined>;
  #rest: Uint8Array | undefined;
  #drained = Promise.withResolvers<void>();

  constructor(socket: Bun.Socket<Wire | undefined>) {
    this.#socket = socket;
  }

  write(bytes: Uint8Array): Promise<unknown> | undefined {
    if (this.#rest !== undefined) {
      this.#rest = Buffer.concat([this.#rest, bytes]);
      return this.#drained.promise;
    }
    const written = Math.max(0, this.#socket.write(bytes));
    if (written === bytes.length) return undefined;
    this.#rest = bytes.subarray(written);
    this.#drained = Promise.withResolvers();
    return this.#drained.promise;
  }

  drain(): void {
    if (this.#rest === undefined) return;
    const written = Math.max(0, this.#socket.write(this.#rest));
    this.#rest = written === this.#rest.length ? undefined : this.#rest.subarray(written);
    if (this.#rest === undefined) this.#drained.resolve();
  }
}

function handlers(onOpen: (wire: Wire) => void, take: Taker): Bun.SocketHandler<Wire | undefined> {
  return {
    open(socket) {
      socket.data = new Wire(socket);
      onOpen(socket.data);
    },
    data(socket, bytes) {
      const taken = take(bytes);
      if (taken === undefined) return;
      socket.pause();
      void taken.then(() => socket.resume());
    },
    drain: (socket) => socket.data?.drain(),
  };
}

async function dial(path: string, take: Taker): Promise<Wire> {
  const { promise, resolve } = Promise.withResolvers<Wire>();
  await Bun.connect<Wire | undefined>({ unix: path, data: undefined, socket: handlers(resolve, take) });
  return promise;
}

/** Runs the command once for each byte from the client, and sends its output. */
async function sendOutput(port: string, command: string): Promise<void> {
  const wire = await dial(port, () => void send());
  const send = async (): Promise<void> => {
    const child = Bun.spawn(["sh", "-c", command], { stdin: "ignore", stdout: "pipe" });
    for await (const bytes of child.stdout) await wire.write(bytes);
  };
}

/** Runs the command once for each `total` bytes of input. */
async function receiveInput(port: string, total: number, command: string): Promise<void> {
  const start = (): Bun.Subprocess<"pipe"> =>
    Bun.spawn(["sh", "-c", command], { stdin: "pipe", stdout: "ignore", stderr: "inherit" });
  let child: Bun.Subprocess<"pipe"> | undefined;
  let left = total;
  await dial(port, (bytes) => {
    child ??= start();
    void child.stdin.write(bytes);
    left -= bytes.length;
    if (left > 0) {
      const flushed = child.stdin.flush();
      return typeof flushed === "number" ? undefined : flushed;
    }
    const ended = child.stdin.end();
    child = undefined;
    left = total;
    return typeof ended === "number" ? undefined : Promise.resolve(ended);
  });
}

async function relayHost(port: string, control: string): Promise<void> {
  let client: Wire | undefined;
  const guest = await dial(port, (bytes) => client?.write(bytes));
  Bun.listen<Wire | undefined>({
    unix: control,
    data: undefined,
    socket: handlers(
      (wire) => (client = wire),
      (bytes) => guest.write(bytes),
    ),
  });
}

async function printOutput(control: string, total: number): Promise<void> {
  let left = total;
  const wire = await dial(control, (bytes) => {
    for (let at = 0; at < bytes.length;) at += writeSync(1, bytes, at);
    left -= bytes.length;
    if (left <= 0) process.exit(0);
    return undefined;
  });
  await wire.write(Buffer.from("s"));
}

async function sendInput(control: string): Promise<void> {
  const wire = await dial(control, () => undefined);
  for await (const bytes of Bun.stdin.stream()) await wire.write(bytes);
  process.exit(0);
}

const [mode, path = "", second = "", third = ""] = process.argv.slice(2);
if (mode === "guest-out") await sendOutput(path, second);
else if (mode === "guest-in") await receiveInput(path, Number(second), third);
else if (mode === "host") await relayHost(path, second);
else if (mode === "client-out") await printOutput(path, Number(second));
else if (mode === "client-in") await sendInput(path);
else throw new Error(`relay: unknown mode "${mode}"`);
