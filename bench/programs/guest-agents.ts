/**
 * Many agents of guests in one process: listens at `DIRECTORY/0`, `DIRECTORY/1` … and opens a session with
 * each caller. Prints `open` when all sessions are open. Words: the directory, the number of agents.
 */
import { listenSocket } from "../../src/channels/socket/socket-listener.ts";
import { createLink } from "../../src/peers/link.ts";
import { REFUSE } from "../../src/roles/cli/cli-session.ts";
import { describeAgent, makeId } from "../../src/roles/identity.ts";
import type { Channel } from "../../src/wire/channel.ts";

const [directory = "", count = ""] = process.argv.slice(2);
let opened = 0;

function answer(channel: Channel): void {
  let isCounted = false;
  const link = createLink({
    side: "listener",
    agent: describeAgent("guest"),
    makeId,
    onCall: REFUSE.call,
    onState(state) {
      if (state !== "open" || isCounted) return;
      isCounted = true;
      opened++;
      if (opened === Number(count)) process.stdout.write("open\n");
    },
  });
  link.run(channel).catch((thrown: unknown) => process.stderr.write(`${String(thrown)}\n`));
}

for (let index = 0; index < Number(count); index++) {
  await listenSocket(`${directory}/${index}`, { mode: 0o600, onChannel: answer });
}
process.stdout.write("listening\n");
