/** Trials of the number of processes: the user of a command takes them all. */
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { startTrialHost } from "../trial-host.ts";
import type { Trial, TrialStage } from "../trial.ts";

/** A user of whom no process runs. Its number is the same on Debian and its relatives. */
const FORKING_USER = { name: "games", uid: 5, gid: 60 };
/** It goes on when no more processes can be made, and so takes each that becomes free. */
const FORK_LOOP = `#!/usr/bin/perl
while (1) { my $child = fork; if (defined $child && $child == 0) { sleep 600; exit } }
`;
const MOST_PROCESSES = 300;
const ROUNDS = 4;
const CALLS_A_ROUND = 50;
/** The runtime ends threads that had no work for ten seconds, and makes new ones for the next work. */
const IDLE_MS = 11_000;
const LONG_WORDS = `fine ${"word ".repeat(20_000)}`;
const PAUSE_MS = 200;

/** The trials by name. */
export const PROCESS_TRIALS = {
  "fork-loop": {
    what: `the user of a command starts processes without end, in a service that may have ${MOST_PROCESSES}`,
    success: "the daemon ends",
    async run(stage) {
      const group = makeGroup(stage);
      const { host, guests } = await startTrialHost(stage, ["web1", "web2"], {
        commands: { fork: FORK_LOOP, fine: "#!/bin/sh\nexit 0\n" },
      });
      await Bun.write(`${stage.directory}/host.commands/fork.toml`, `user = "${FORKING_USER.name}"\n`);
      writeFileSync(`${group}/cgroup.procs`, String(host.daemon.pid));
      const [evil, good] = guests;
      void evil?.call("execute", "fork");
      const over = new AbortController();
      const ended = host.daemon.exited.finally(() => over.abort());
      let calls = 0;
      for (let round = 0; round < ROUNDS && !over.signal.aborted; round++) {
        for (let call = 0; call < CALLS_A_ROUND && !over.signal.aborted; call++, calls++)
          await Promise.race([good?.call("execute", LONG_WORDS), ended, Bun.sleep(1000)]);
        await Promise.race([ended, Bun.sleep(IDLE_MS)]);
      }
      const count = readFileSync(`${group}/pids.current`, "latin1").trim();
      const { aborted: isOver } = over.signal;
      const state = isOver ? `it ended with ${await ended}` : "it goes on";
      const figures = `${state} after ${calls} calls, with ${count} processes`;
      return { hasSucceeded: isOver, figures };
    },
  },
} as const satisfies Record<string, Trial>;

/** Makes a cgroup with a bound of its processes, as the service of systemd has one. Returns its place. */
function makeGroup({ held }: TrialStage): string {
  const parent = ["/sys/fs/cgroup/pids", "/sys/fs/cgroup"].find(hasPids);
  if (parent === undefined) throw new Error("this machine has no cgroups that bound processes");
  const place = `${parent}/negotiator-trial-${process.pid}`;
  mkdirSync(place);
  held.defer(async () => {
    const become = [
      "setpriv",
      `--reuid=${FORKING_USER.uid}`,
      `--regid=${FORKING_USER.gid}`,
      "--clear-groups",
    ];
    while (readFileSync(`${place}/cgroup.procs`, "latin1") !== "") {
      Bun.spawnSync([...become, "sh", "-c", "kill -KILL -1"]);
      await Bun.sleep(PAUSE_MS);
    }
    rmdirSync(place);
  });
  writeFileSync(`${place}/pids.max`, String(MOST_PROCESSES));
  return place;
}

function hasPids(directory: string): boolean {
  if (existsSync(`${directory}/pids.max`) || directory.endsWith("/pids"))
    return existsSync(`${directory}/cgroup.procs`);
  const controllers = `${directory}/cgroup.subtree_control`;
  return existsSync(controllers) && readFileSync(controllers, "latin1").split(/\s+/).includes("pids");
}
