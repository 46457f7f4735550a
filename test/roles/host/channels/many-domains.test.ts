/** `add-channel` with a libvirt that a script plays: one domain that fails, and a libvirt that goes. */
import { chmod, mkdir } from "node:fs/promises";
import { expect, test } from "bun:test";
import { launch } from "../../../support/program.ts";
import { createTemporaryDirectory } from "../../../support/temporary-directory.ts";

const TIMEOUT_MS = 180_000;
const DOMAINS = 30;
const FAILING = 13;

/** Its domains are shut off. `lasts` is the number of changes before it is gone. */
function fakeVirsh(directory: string, lasts: number): string {
  return `#!/bin/sh
while [ "\${1#--}" != "$1" ]; do shift; done
[ -e ${directory}/gone ] && { echo "error: failed to connect to the hypervisor" >&2; exit 1; }
id=\${4:-$3}
case "$1 $*" in
*--with-managed-save* | *--transient* | *--state-paused*) ;;
list*) seq -f '00000000-0000-4000-8000-%012.0f' 1 ${DOMAINS} ;;
dumpxml*)
  for id in "$@"; do :; done
  channel=
  [ -e "${directory}/done/$id" ] && channel=$(cat "${directory}/done/$id")
  echo "<domain><name>vm\${id##*-}</name><uuid>$id</uuid><devices>$channel</devices></domain>" ;;
attach-device*)
  id=$4
  [ "\${id#*${String(FAILING).padStart(12, "0")}}" != "$id" ] && { echo "error: out of ports" >&2; exit 1; }
  cat /dev/stdin > "${directory}/done/$id"
  [ "$(ls ${directory}/done | wc -l)" -ge ${lasts} ] && touch ${directory}/gone
  exit 0 ;;
esac
`;
}

async function addAll(lasts: number): Promise<{ exitCode: number; rows: Record<string, string>[] }> {
  await using directory = await createTemporaryDirectory();
  await mkdir(directory.at("done"));
  await chmod(await directory.write("bin/virsh", fakeVirsh(directory.path, lasts)), 0o755);
  const env = { NEGOTIATOR_CONFIG: "/dev/null", PATH: `${directory.at("bin")}:/usr/bin:/bin` };
  await using run = launch(["host", "add-channel", "--all", "--json"], { env });
  const { exitCode, stdout } = await run.ended();
  const lines = stdout.split("\n").filter((line) => line !== "");
  return { exitCode, rows: lines.map((line) => JSON.parse(line)) };
}

test(
  "one domain that fails does not end the others, and libvirt's reason is in its row",
  async () => {
    const { exitCode, rows } = await addAll(DOMAINS);
    expect([exitCode, rows.length]).toEqual([1, DOMAINS]);
    const failed = rows.filter(({ result }) => result === "failed");
    expect(failed).toMatchObject([{ guest: "vm000000000013", message: "the change failed: out of ports" }]);
    expect(rows.filter(({ result }) => result === "added")).toHaveLength(DOMAINS - 1);
  },
  TIMEOUT_MS,
);

test(
  "when libvirt goes, the domains that are left are not tried one after the other",
  async () => {
    const { exitCode, rows } = await addAll(5);
    expect([exitCode, rows.length]).toEqual([1, DOMAINS]);
    const messages = rows.map(({ message }) => message ?? "done");
    expect(messages.filter((text) => text === "done").length).toBeLessThan(DOMAINS / 2);
    expect(messages).toContain("not looked at, because libvirt is gone");
  },
  TIMEOUT_MS,
);
