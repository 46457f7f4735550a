/** `detached.calls`, a hundred by default, through real daemons. */
import { expect, test } from "bun:test";
import type { Ended } from "../../support/program.ts";
import { createStage } from "../../support/stage.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const MOST = 100;
/** Command lines at the same time: a busy machine takes long to start a hundred. */
const AT_ONCE = 10;

type Row = { id: string; state: string };

test(
  "a hundred detached calls run at once, one more is refused, and the oldest that has ended gives way",
  async () => {
    await using spool = await createTemporaryDirectory();
    await using stage = await createStage({ settings: `detached.directory = "${spool.at("kept")}"\n` });
    const { host } = stage;
    const go = stage.at("go");
    const waits = `while [ ! -e "${go}" ] && [ -e "$0" ]; do sleep 4; done`;
    await stage.guest().command("slow", `#!/bin/sh\n${waits}\nexit 3\n`);
    const detach = () => host.run(["execute", "--detach", "web1", "slow"]);
    const list = async (): Promise<Row[]> =>
      (await host.run(["calls", "--json"])).stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line));

    const first = await detach();
    const others: Ended[] = [];
    while (others.length < MOST - 1) {
      const length = Math.min(AT_ONCE, MOST - 1 - others.length);
      others.push(...(await Promise.all(Array.from({ length }, detach))));
    }
    expect([first, ...others].map(({ stderr }) => stderr).filter((text) => text !== "")).toEqual([]);
    const countRunning = async () => (await list()).filter(({ state }) => state === "running").length;
    await until(`${MOST} calls run`, async () => (await countRunning()) === MOST);
    const refused = await detach();
    expect(refused).toMatchObject({ exitCode: 125, stdout: "" });
    expect(refused.stderr).toContain(`there are ${MOST} detached calls of the host already`);

    await Bun.write(go, "");
    await until("all have ended", async () => (await list()).every(({ state }) => state !== "running"));
    const newest = await detach();
    expect(newest).toMatchObject({ exitCode: 0 });
    const listed = new Set((await list()).map(({ id }) => id));
    const asked = [first, ...others, newest].map(({ stdout }) => stdout.trim());
    expect(asked.filter((id) => listed.has(id))).toHaveLength(MOST);
    const gone = asked.find((id) => !listed.has(id)) ?? "";
    expect((await host.run(["attach", gone])).stderr).toContain("There is no detached call");
    expect(await host.run(["attach", newest.stdout.trim()])).toMatchObject({ exitCode: 3 });
  },
  TIMEOUT_MS,
);
