/** The shell scripts that run in the guest: they start a pushed command, and end it. */

/** The directory in the guest for pushed commands, and for the output of running ones. Only root gets in. */
export const GUEST_DIRECTORY = "/var/lib/negotiator/pushed";

/** The shell that every Linux guest has. */
export const SHELL = "/bin/sh";

/** The answer of the start script for a command that is not in the guest, or not as it should be. */
export const PUSH = "push";

/**
 * Starts a command: `$1` directory, `$2` digest, `$3` name, `$4` call, then its arguments. Its output goes to
 * the files `out` and `err` of the call, and it reads the file `in` if there is one. The process that the
 * agent has started becomes the command, so the agent knows its exit code and signal. It gets a session, so
 * that all of its processes can be ended together: with `setsid`, unless the agent has made one.
 */
export const START = `d=$1 digest=$2 name=$3 call=$d/calls/$4
shift 4
umask 077
mkdir -p "$d/commands/$digest" "$call" || exit 1
file=$d/commands/$digest/$name
have=$digest
if command -v sha256sum >/dev/null; then have=$(sha256sum <"$file" 2>/dev/null); fi
if [ ! -x "$file" ] || [ "\${have%% *}" != "$digest" ]; then
  echo ${PUSH}
  exit 0
fi
own=
read -r _ _ _ _ group _ </proc/self/stat 2>/dev/null
if [ "$group" != $$ ] && command -v setsid >/dev/null; then own=setsid; fi
umask 022
cd /
if [ -e "$call/in" ]; then exec <"$call/in"; fi
exec $own "$file" "$@" >"$call/out" 2>"$call/err"`;

/** Makes the directory of a call: `$1`. */
export const PREPARE = 'umask 077; mkdir -p "$1"';

/** Makes a file that was written whole a command: \`$1\` the written file, \`$2\` its place. */
export const PLACE = 'chmod 500 "$1" && mv -f "$1" "$2"';

/** Sends a signal to all processes of a command, or to its first one: `$1` the name, `$2` the process. */
export const SIGNAL = 'kill -s "$1" -- "-$2" 2>/dev/null || kill -s "$1" "$2"';

/** Ends a command: `$1` the process, `$2` the seconds until it is killed, `$3` the directory of the call. */
export const END = `kill -s TERM -- "-$1" 2>/dev/null || kill -s TERM "$1"
n=0
while [ $n -lt "$2" ] && { kill -s 0 -- "-$1" 2>/dev/null || kill -s 0 "$1" 2>/dev/null; }; do
  sleep 1
  n=$((n + 1))
done
kill -s KILL -- "-$1" 2>/dev/null || kill -s KILL "$1" 2>/dev/null
rm -rf "$3"`;

/** Removes the files of a call: `$1` its directory. */
export const REMOVE = 'rm -rf "$1"';

/** The argv of a script for the agent. */
export function scriptArguments(script: string, ...args: readonly string[]): string[] {
  return ["-c", script, "sh", ...args];
}
