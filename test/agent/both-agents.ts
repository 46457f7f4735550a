/** The QEMU guest agent of Debian, and this program in its place. */
import { connectAgent, launchAgent } from "../support/agent-client.ts";
import { launchDaemon } from "../support/program.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

/** Starts both, each at its unix socket, and connects to them. Dispose of `stack` in the end. */
export async function openBoth() {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await createTemporaryDirectory());
  const policy = await directory.write("policy.toml", '[[rules]]\naction = "allow"\n');
  const their = directory.at("their.sock");
  const our = directory.at("our.sock");
  const words = ["-m", "unix-listen", "-t", directory.path];
  stack.use(
    launchDaemon(
      [...words, "-p", their, "-f", directory.at("pid")],
      { PATH: "/usr/sbin:/usr/bin:/sbin:/bin" },
      [Bun.which("qemu-ga") ?? ""],
    ),
  );
  stack.use(
    launchAgent([...words, "-p", our], {
      NEGOTIATOR_POLICY_FILE: policy,
      NEGOTIATOR_AUDIT_FILE: directory.at("audit.jsonl"),
      NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
    }),
  );
  const theirs = stack.use(await connectAgent(their));
  const ours = stack.use(await connectAgent(our));
  return { stack, directory, theirs, ours };
}
