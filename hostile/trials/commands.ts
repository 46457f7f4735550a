/** Trials of commands: their users and files try to stop the daemon, or to run as root. */
import { closeSync, openSync } from "node:fs";
import { mkdir, rm, symlink, writeFile } from "node:fs/promises";
import { runAs, startTrialHost } from "../trial-host.ts";
import type { Trial, TrialStage } from "../trial.ts";

/** A user of whom no process runs. Its number is the same on Debian and its relatives. */
const STOPPED_USER = { name: "games", uid: 5 };
const STOPPED_CALLS = 400;
const STOPPED_GUESTS = 100;
const STOPPED_MS = 50;
const EDITS = 40;
const HUNG_GUESTS = 12;
const HANG_MS = 500;
const ANSWER_MS = 5000;

/** The trials by name. */
export const COMMAND_TRIALS = {
  "stopped-by-user": {
    what: "the user of a command stops all its processes again and again, while a guest calls that command",
    success: `root gets no status within ${ANSWER_MS / 1000} seconds`,
    async run(stage) {
      // A guest whose command is stopped waits for its answer, so another one goes on.
      const names = Array.from({ length: STOPPED_GUESTS }, (_, index) => `web${index}`);
      const { host, guests } = await startTrialHost(stage, names, {
        commands: { "as-user": "#!/bin/sh\nexit 0\n" },
      });
      await writeFile(`${stage.directory}/host.commands/as-user.toml`, `user = "${STOPPED_USER.name}"\n`);
      const reuid = ["setpriv", `--reuid=${STOPPED_USER.uid}`, "--clear-groups", "--regid=60"];
      const stopper = Bun.spawn([...reuid, "sh", "-c", "while :; do kill -STOP -1 2>/dev/null; done"], {
        stdin: "ignore",
        stdout: "ignore",
        stderr: "ignore",
      });
      stage.held.defer(async () => {
        stopper.kill("SIGKILL");
        Bun.spawnSync([...reuid, "sh", "-c", "kill -KILL -1"]);
        await stopper.exited;
      });
      let calls = 0;
      for (const guest of guests) {
        for (let isAnswered = true; isAnswered && calls < STOPPED_CALLS;) {
          calls++;
          const answer = guest.call("execute", "as-user").then(() => true);
          isAnswered = await Promise.race([answer, Bun.sleep(STOPPED_MS).then(() => false)]);
        }
      }
      const status = runAs(undefined, [stage.binary, "host", "status"], host.environment);
      const isAlive = await Promise.race([status.then(() => true), Bun.sleep(ANSWER_MS).then(() => false)]);
      return {
        hasSucceeded: !isAlive,
        figures: `after ${calls} calls root ${isAlive ? "got" : "did not get"} the status`,
      };
    },
  },
  "half-written-settings": {
    what: "a guest calls a command while its NAME.toml, which names a lower user, is written again and again",
    success: "one of the calls ran as root",
    async run(stage) {
      const { guests } = await startTrialHost(stage, ["web1"], {
        commands: { "who-am-i": "#!/bin/sh\nid -u\n" },
      });
      const path = `${stage.directory}/host.commands/who-am-i.toml`;
      await writeFile(path, `user = "${STOPPED_USER.name}"\n`);
      // The daemon may have to see that the directory has come to rest.
      await Bun.sleep(5000);
      let ranAsRoot = 0;
      let ran = 0;
      for (let edit = 0; edit < EDITS; edit++) {
        // As an editor does: the file is empty for a moment.
        await writeFile(path, "");
        const answer = await guests[0]?.call("execute", "who-am-i");
        await writeFile(path, `user = "${STOPPED_USER.name}"\n`);
        if (answer?.success === true) ran++;
        if (answer?.success === true && String(answer.result).trim() === "0") ranAsRoot++;
      }
      return {
        hasSucceeded: ranAsRoot > 0,
        figures: `${ran} of ${EDITS} calls ran, ${ranAsRoot} of them as root`,
      };
    },
  },
  "hung-file-system": {
    what: "guests call a command on a file system that never answers",
    success: `another guest's call is not answered within ${ANSWER_MS / 1000} seconds`,
    async run(stage) {
      const names = ["good", ...Array.from({ length: HUNG_GUESTS }, (_, index) => `evil-${index}`)];
      const { guests } = await startTrialHost(stage, names, { commands: { fine: "#!/bin/sh\necho fine\n" } });
      const [good, ...evil] = guests;
      await good?.call("execute", "fine");
      const mount = await mountHung(stage);
      await symlink(`${mount}/script`, `${stage.directory}/host.commands/hung`);
      for (const guest of evil) void guest.call("execute", "hung");
      await Bun.sleep(HANG_MS);
      const answer = good?.call("execute", "fine").then(({ success }) => success);
      const isAnswered = await Promise.race([answer, Bun.sleep(ANSWER_MS).then(() => false)]);
      const figures = `the other guest ${isAnswered === true ? "got its answer" : "got none"}`;
      return { hasSucceeded: isAnswered !== true, figures };
    },
  },
  "hung-policy": {
    what: "the file system of the policy stops answering, and the daemon is told to read its files again",
    success: `a call is not answered within ${ANSWER_MS / 1000} seconds, or root gets no status`,
    async run(stage) {
      const { host, guests } = await startTrialHost(stage, ["web1"], {
        commands: { fine: "#!/bin/sh\necho fine\n" },
      });
      await guests[0]?.call("execute", "fine");
      const policy = `${stage.directory}/host.policy.toml`;
      await rm(policy);
      await symlink(`${await mountHung(stage)}/policy.toml`, policy);
      host.daemon.kill("SIGHUP");
      await Bun.sleep(HANG_MS);
      const isAnswered = await inTime(guests[0]?.call("execute", "fine"));
      const hasStatus = await inTime(runAs(undefined, [stage.binary, "host", "status"], host.environment));
      const seen = [isAnswered ? "the call was answered" : "no answer", hasStatus ? "a status" : "no status"];
      const figures = seen.join(", ");
      return { hasSucceeded: !isAnswered || !hasStatus, figures };
    },
  },
} as const satisfies Record<string, Trial>;

/** Whether an answer comes in time. */
async function inTime(answer: Promise<unknown> | undefined): Promise<boolean> {
  return Promise.race([Promise.resolve(answer).then(() => true), Bun.sleep(ANSWER_MS).then(() => false)]);
}

/** Mounts a FUSE file system that no program serves, so that every look at it waits. Returns its path. */
async function mountHung({ directory, held }: TrialStage): Promise<string> {
  const path = `${directory}/hung`;
  await mkdir(path);
  const device = openSync("/dev/fuse", "r+");
  const options = "fd=3,rootmode=40000,user_id=0,group_id=0";
  const mounting = Bun.spawnSync(["mount", "-i", "-t", "fuse", "-o", options, "hung", path], {
    stdio: ["ignore", "inherit", "inherit", device],
  });
  if (mounting.exitCode !== 0) throw new Error("a FUSE file system cannot be mounted here");
  held.defer(() => {
    // The end of its server makes all looks fail, so that the file system can be left.
    closeSync(device);
    Bun.spawnSync(["umount", "-l", path]);
  });
  return path;
}
