/** Trials of the audit: one caller tries to get rid of lines. */
import { mountHanging } from "../../test/support/hanging-mount.ts";
import { readAuditText, runAs, shareControl, startTrialHost } from "../trial-host.ts";
import type { Trial, TrialStage } from "../trial.ts";

/** `nobody` with its group. */
const MEMBER_ID = 65_534;
const WASHING_CALLS = 200;
const HARMLESS_CALLS = 905;
/** Small files, so that few calls fill them. */
const SMALL_AUDIT = "audit.maxBytes = 16384\naudit.keep = 1";

const HUNG_CALLS = 200;
const ANSWER_MS = 5000;
/** A daemon has ten seconds for calls that run. */
const END_MS = 15_000;

/** The trials by name. */
export const AUDIT_TRIALS = {
  "audit-washing": {
    what: "a member of the group calls a guest that does not exist, again and again",
    success: "the line of a command that ran is in no file",
    async run(stage) {
      const { host, guests } = await startTrialHost(stage, ["web1"], {
        settings: SMALL_AUDIT,
        commands: { "take-backup": "#!/bin/sh\nexit 0\n" },
      });
      await guests[0]?.call("execute", "take-backup");
      await shareControl(stage, MEMBER_ID);
      const words = [stage.binary, "host", "execute", "-n", "no-such-guest", "x".repeat(200)];
      for (let done = 0; done < WASHING_CALLS; done += 4)
        await Promise.all([0, 1, 2, 3].map(() => runAs(MEMBER_ID, words, host.environment)));
      return judge(stage, "take-backup");
    },
  },
  "audit-hiding": {
    what: `a guest calls a command that is denied, after ${HARMLESS_CALLS} calls of no command at all`,
    success: "no line and no count has the name of the denied command",
    async run(stage) {
      const policy = '[[rules]]\naction = "deny"\ncommands = ["wipe-disk"]\n[[rules]]\naction = "allow"\n';
      const { host, guests } = await startTrialHost(stage, ["web1"], { policy });
      for (let done = 0; done < HARMLESS_CALLS; done++) await guests[0]?.call("execute", "nothing");
      await guests[0]?.call("execute", "wipe-disk");
      // The count of lines that were left out comes at the end at the latest.
      host.daemon.kill("SIGTERM");
      await host.daemon.exited;
      return judge(stage, "wipe-disk");
    },
  },
  "audit-skipping": {
    what: "a guest's command kills the daemon that runs it",
    success: "no line has the name of the command",
    async run(stage) {
      const { host, guests } = await startTrialHost(stage, ["web1"], {
        commands: { "kill-daemon": "#!/bin/sh\nkill -9 $PPID\n" },
      });
      void guests[0]?.call("execute", "kill-daemon");
      await host.daemon.exited;
      return judge(stage, "kill-daemon");
    },
  },
  "audit-hanging": {
    what: "the file system of the audit stops answering",
    success: `a call has no answer in ${ANSWER_MS / 1000} s, or SIGTERM no effect in ${END_MS / 1000} s`,
    async run(stage) {
      const { host, guests } = await startTrialHost(stage, ["web1"], {
        commands: { fine: "#!/bin/sh\nexit 0\n" },
        audit: "log/audit.jsonl",
      });
      const call = async (): Promise<number> => {
        const startMs = performance.now();
        const answer = guests[0]?.call("execute", "fine").then(() => true);
        const isAnswered = await Promise.race([answer, Bun.sleep(ANSWER_MS).then(() => false)]);
        return isAnswered === true ? performance.now() - startMs : Number.POSITIVE_INFINITY;
      };
      await call();
      const mount = mountHanging(`${stage.directory}/log`);
      stage.held.use({ [Symbol.asyncDispose]: async () => mount[Symbol.dispose]() });
      const times = [await call()];
      while (times.length < HUNG_CALLS && times.every(Number.isFinite)) times.push(await call());
      const answered = times.filter(Number.isFinite).toSorted((one, other) => one - other);
      const startMs = performance.now();
      host.daemon.kill("SIGTERM");
      const hasEnded = await Promise.race([
        host.daemon.exited.then(() => true),
        Bun.sleep(END_MS).then(() => false),
      ]);
      const endMs = performance.now() - startMs;
      if (!hasEnded) host.daemon.kill("SIGKILL");
      const p99 = answered[Math.floor(answered.length * 0.99)] ?? Number.POSITIVE_INFINITY;
      return {
        hasSucceeded: answered.length < HUNG_CALLS || !hasEnded,
        figures: `${answered.length} of ${times.length} calls answered, p99 ${p99.toFixed(0)} ms, ${
          hasEnded ? `ended after ${endMs.toFixed(0)} ms` : "not ended"
        }`,
      };
    },
  },
} as const satisfies Record<string, Trial>;

async function judge(
  { directory }: TrialStage,
  name: string,
): Promise<{ hasSucceeded: boolean; figures: string }> {
  const text = await readAuditText(directory);
  const lines = text.split("\n").length - 1;
  const named = text.split("\n").filter((line) => line.includes(`"${name}"`)).length;
  return { hasSucceeded: named === 0, figures: `${named} of ${lines} lines have "${name}"` };
}
