/** Descriptors that a client passes through a socket of ours: we would have to close them, which may hang. */
import { expect, test } from "bun:test";
import { release } from "node:os";
import { listenSocket } from "../../../src/channels/socket/socket-listener.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const SENDER = `
import array, errno, os, socket, sys
client = socket.socket(socket.AF_UNIX)
client.connect(sys.argv[1])
passed = array.array("i", [os.open("/dev/null", os.O_RDONLY)])
try:
    client.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, passed)])
    print("passed")
except OSError as error:
    print(errno.errorcode[error.errno])
`;

const [major = 0, minor = 0] = release().split(".").map(Number);
const CAN_REFUSE = major > 6 || (major === 6 && minor >= 16);

test.if(CAN_REFUSE)("a client cannot pass a descriptor to a listener (needs Linux 6.16)", async () => {
  await using directory = await createTemporaryDirectory();
  const path = directory.at("socket");
  await using _ = await listenSocket(path, { mode: 0o600, onChannel: () => undefined });
  const child = Bun.spawn(["python3", "-c", SENDER, path], { stdout: "pipe" });
  expect(await child.stdout.text()).toBe("EPERM\n");
});
