/** Runs scripts as root on a copy of this machine, with a script in the place of systemctl. */
import { hostBinary } from "./binary.ts";
import { runProcess } from "./program-run.ts";
import type { ProgramRun } from "./program-run.ts";

/**
 * It writes its words down, masks units, and starts and stops the real daemon. It fails where a file such as
 * /fail-start-qemu-guest-agent wants that.
 */
const SYSTEMCTL = `#!/bin/sh
echo "systemctl $*" >>/calls
WANTS=/etc/systemd/system/multi-user.target.wants
role=\${2#negotiator-}
[ "$1" = is-active ] && role=\${3#negotiator-}
[ -e "/fail-$1-$role" ] && { echo "planted failure" >&2; exit 1; }
[ "$role" = qemu-guest-agent ] && [ "$1" = start ] && exec touch "/active-$role"
case $1 in
mask) ln -s /dev/null "/etc/systemd/system/$3.service" && rm -f "/active-$3" ;;
unmask) rm -f "/etc/systemd/system/$2.service" ;;
is-active) test -e "/active-$role" ;;
enable) mkdir -p $WANTS
	ln -sf "../negotiator-$role.service" "$WANTS/negotiator-$role.service" ;;
disable) rm -f $WANTS/negotiator-*.service ;;
start | restart) test -e /broken && { echo "Job failed" >&2; exit 1; }
	pid=$(cat "/active-$role" 2>/dev/null) && kill "$pid"
	/usr/local/bin/negotiator "$role" daemon </dev/null >/log 2>&1 & echo $! >"/active-$role" ;;
stop) kill "$(cat "/active-$role")"; rm "/active-$role" ;;
esac
`;

/** Whether a directory can have another one on top of it here. */
export async function canSandbox(): Promise<boolean> {
  return process.getuid?.() === 0 && (await runInSandbox("true")).exitCode === 0;
}

/**
 * Runs lines of shell on the copy. `$BINARY` is a copy of the compiled binary there, and /calls has the calls
 * of systemctl and udevadm.
 */
export async function runInSandbox(script: string): Promise<ProgramRun> {
  const setUp = `
    set -e
    T=/mnt; mount -t tmpfs none $T; mkdir $T/up $T/work $T/root
    mount -t overlay none -o lowerdir=/,upperdir=$T/up,workdir=$T/work $T/root; R=$T/root
    mount -t proc none $R/proc; mount -t tmpfs -o mode=755 none $R/run; mount --rbind /dev $R/dev
    mkdir -p $R/run/systemd/system; : >$R/calls
    rm -rf $R/etc/negotiator $R/var/lib/negotiator $R/var/log/negotiator $R/usr/local/bin/negotiator*
    rm -f $R/usr/bin/systemctl $R/usr/bin/udevadm $R/bin/systemctl $R/bin/udevadm $R/usr/bin/negotiator
    printf '%s' "$2" >$R/usr/bin/systemctl
    printf '#!/bin/sh\\necho "udevadm $*" >>/calls\\n' >$R/usr/bin/udevadm
    chmod 755 $R/usr/bin/systemctl $R/usr/bin/udevadm
    mkdir $R/new; cp "$1" $R/new/negotiator
    export BINARY=/new/negotiator PATH=/usr/local/bin:$PATH
    exec chroot $R /bin/sh -c "$3"`;
  const words = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", setUp, "sh"];
  return runProcess([...words, await hostBinary(), SYSTEMCTL, script], {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
  });
}
