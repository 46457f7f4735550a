/** The port and the freeze hook of a guest, as its checks see them on this machine. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import type { Examination } from "../../../../src/roles/doctor/check.ts";
import { CHECK_FREEZE_HOOK } from "../../../../src/roles/guest/doctor/check-freeze-hook.ts";
import { CHECK_PORT } from "../../../../src/roles/guest/doctor/check-port.ts";
import { createTemporaryDirectory } from "../../../support/temporary-directory.ts";

/** The settings of a guest that a check needs. */
function examinationOf(guest: Readonly<Record<string, string>>, origin?: string): Examination {
  const origins = new Map(origin === undefined ? [] : [["guest.characterDevice", origin]]);
  const config = { settings: { guest }, origins };
  // The checks look at nothing else.
  // oxlint-disable-next-line typescript/no-unsafe-type-assertion
  return { role: "guest", isRoot: true, invocation: { config } } as unknown as Examination;
}

const lookAt = (characterDevice: string, origin?: string) =>
  CHECK_PORT.run(examinationOf({ characterDevice }, origin));

test.each([
  ["/dev/null", "it is a device without another side"],
  ["/etc/passwd", "it is no character device and no socket"],
  ["/dev/no-such-port", "there is no such file, and no such port"],
])("the setting %s names no port: %s", async (device, what) => {
  const found = await lookAt(device, "/c.toml");
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({
    level: "problem",
    text: `Cannot use ${device}, which guest.characterDevice names (/c.toml): ${what}`,
  });
  expect((await lookAt(device))[0]?.text).toContain("(an option)");
});

test("a socket and a pipe in the setting can be a port", async () => {
  await using place = await createTemporaryDirectory();
  const pipe = place.at("pipe");
  expect(Bun.spawnSync(["mkfifo", pipe]).exitCode).toBe(0);
  expect(await lookAt(pipe)).toEqual([{ level: "ok", text: `${pipe} (${pipe}): no process has it open` }]);
  using _ = Bun.listen({ unix: place.at("socket"), socket: { data() {} } });
  expect((await lookAt(place.at("socket")))[0]?.level).not.toBe("problem");
});

test("without a setting the port is looked for by its name", async () => {
  const [found] = await lookAt("");
  expect(found?.text).not.toContain("characterDevice");
});

const hookOf = (freezeHook: string, qga = "no", qgaPort = "") =>
  CHECK_FREEZE_HOOK.run(examinationOf({ qga, qgaPort, freezeHook }));

test("a hook counts only if this daemon answers as the guest agent", async () => {
  const hook = "/bin/sh";
  expect(await hookOf(hook)).toEqual([]);
  expect(await hookOf("", "yes", "p")).toEqual([]);
  expect(await hookOf(hook, "yes")).toMatchObject([{ level: "ok" }]);
  expect(await hookOf(hook, "no", "p")).toMatchObject([{ level: "ok" }]);
});

test("a missing hook gives no finding, and one that does not start is a problem", async () => {
  await using place = await createTemporaryDirectory();
  expect(await hookOf(place.at("missing"), "yes")).toEqual([]);
  const hook = await place.write("hook", "");
  await chmod(hook, 0o755);
  expect((await hookOf(hook, "yes"))[0]?.text).toEndWith(`the hook ${hook} does not start: it is empty`);
});
