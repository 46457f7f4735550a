/** Looks for denials of AppArmor and SELinux that concern negotiator or its sockets. */
import { readFile, stat } from "node:fs/promises";
import { defineCheck } from "./check.ts";
import { AS_ROOT, ok, problem, unknown } from "./finding.ts";
import type { Found } from "./finding.ts";
import { askTool } from "./tool.ts";

/** `lines`: lines of the kernel's log about denials; undefined if this user may not read it. */
type Denials = { systems: readonly string[]; lines: readonly string[] | undefined };

/** Denials since the machine was started. */
export const CHECK_DENIALS = defineCheck<Denials>({
  name: "denials",
  async look({ signal }) {
    const systems = [
      ...((await isThere("/sys/kernel/security/apparmor/profiles")) ? ["AppArmor"] : []),
      ...((await readFile("/sys/fs/selinux/enforce", "utf8").catch(() => "")).trim() === "1"
        ? ["SELinux"]
        : []),
    ];
    if (systems.length === 0) return { systems, lines: [] };
    const end = await askTool(["tail", "-c", END_BYTES, "/var/log/audit/audit.log"], signal);
    const log = end?.exitCode === 0 ? end.stdout : (await askTool(["dmesg"], signal))?.stdout;
    const lines = log?.split("\n");
    // Without rights, dmesg prints nothing.
    return { systems, lines: lines !== undefined && lines.length > 1 ? lines : undefined };
  },
  judge: judgeDenials,
});

const DENIAL = /apparmor="DENIED"|avc: {2}denied/;
/** Our program, our ports, our directories, and the directory of libvirt's channels. */
const OURS = /negotiator|virtio-ports|vport\d+p\d+|libvirt\/qemu\/channel/;
const END_BYTES = "1000000";

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Judges the lines of the kernel's log. */
export function judgeDenials({ systems, lines }: Denials): readonly Found[] {
  if (systems.length === 0) return [ok("neither AppArmor nor SELinux is enforcing here")];
  const names = systems.join(" and ");
  if (lines === undefined)
    return [unknown(`${names} may deny something, and this user may not read the kernel's log`, AS_ROOT)];
  const ours = lines.filter((line) => DENIAL.test(line) && OURS.test(line));
  const last = ours.at(-1);
  if (last === undefined) return [ok(`${names} has denied nothing of negotiator`)];
  const isSelinux = /avc:/.test(last);
  return [
    problem(
      `${isSelinux ? "SELinux" : "AppArmor"} denied ${ours.length} accesses, the last one: ${last.trim()}`,
      isSelinux
        ? "See what it wants: ausearch -m avc -ts boot | audit2why"
        : "Allow it in its profile below /etc/apparmor.d, then load that: apparmor_parser -r PROFILE",
    ),
  ];
}
