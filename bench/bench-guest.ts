/** Boots a virtual machine with the guest's daemon and the bare program, and starts the host's daemon. */
import type { Socket } from "node:net";
import { connect } from "node:net";
import type { Peer } from "../src/peers/peer.ts";
import { createTemporaryDirectory } from "../test/support/temporary-directory.ts";
import { bootVm } from "../test/support/vm.ts";
import { openControl } from "./sessions.ts";
import { GUEST, nameGuests, startSide, untilOpen } from "./stage.ts";

const PORT = "negotiator-host-to-guest.0";
const BARE_PORT = "bench.0";
/** Two programs of 110 MB and the data fit into it. */
const MEMORY_MB = 1024;

/** The file of random bytes in the guest. */
export const GUEST_DATA = "/tmp/data";

/** The guest's daemon as `peer`, and the host's end of the bare program's port. */
export type BenchGuest = AsyncDisposable & { peer: Peer; barePort: Socket };

/** `portCopy`: the path of the compiled bare program. `dataBytes`: the size of `GUEST_DATA`. */
export type BenchGuestOptions = {
  binary: string;
  portCopy: string;
  dataBytes: number;
  commands: Readonly<Record<string, string>>;
};

/** Resolves when the session is open and the bare program runs. */
export async function openBenchGuest(options: BenchGuestOptions): Promise<BenchGuest> {
  const { binary, portCopy, dataBytes, commands } = options;
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  const scripts = Object.entries(commands).map(
    ([name, text]) => [`/etc/negotiator/commands/${name}`, { text, mode: 0o755 }] as const,
  );
  const vm = owned.use(
    await bootVm({
      binary,
      ports: [PORT, BARE_PORT],
      memoryMb: MEMORY_MB,
      files: {
        "/usr/bin/port-copy": { source: portCopy, mode: 0o755 },
        "/etc/negotiator/policy.toml": { text: '[[rules]]\naction = "allow"\n' },
        ...Object.fromEntries(scripts),
      },
      init: [`dd if=/dev/urandom of=${GUEST_DATA} bs=1000000 count=${dataBytes / 1e6} 2>/dev/null`],
    }),
  );
  vm.spawn("exec negotiator guest daemon");
  vm.spawn(`exec port-copy ${BARE_PORT}`);
  const own = nameGuests({ [GUEST]: vm.sockets[PORT] });
  const host = await startSide("host", { binary, directory: directory.path, own });
  owned.use(host.daemon);
  await untilOpen(host.control, GUEST);
  const { peer } = owned.use(await openControl(host.control, GUEST));
  const barePort = await dial(vm.sockets[BARE_PORT]);
  owned.defer(() => void barePort.destroy());
  const kept = owned.move();
  return { peer, barePort, [Symbol.asyncDispose]: () => kept.disposeAsync() };
}

function dial(path: string): Promise<Socket> {
  const { promise, resolve, reject } = Promise.withResolvers<Socket>();
  const socket = connect(path, () => resolve(socket)).once("error", reject);
  return promise;
}
