/** Owns the commands that both sides of the end-to-end tests offer to each other. */
import { BUILTINS } from "../../src/methods/builtin/builtins.ts";
import type { GuestFile } from "./guest-image.ts";

/** Shell scripts by name. `hang` and `echo` print their process id first; `echo` then repeats each line. */
export const SCRIPTS = {
  show: `#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n`,
  cat: "#!/bin/sh\nexec cat\n",
  fail: "#!/bin/sh\necho out\necho err >&2\nexit 3\n",
  die: "#!/bin/sh\nkill -9 $$\n",
  hang: "#!/bin/sh\necho $$\nexec sleep 1000\n",
  whoami: '#!/bin/sh\necho "$NEGOTIATOR_ROLE $NEGOTIATOR_COMMAND $NEGOTIATOR_GUEST $NEGOTIATOR_GUEST_UUID"\n',
  echo: '#!/bin/sh\necho $$\nwhile read -r line; do echo "$line"; done\n',
} as const;

/** The scripts as files of a guest. */
export const COMMAND_FILES: Readonly<Record<string, GuestFile>> = Object.fromEntries(
  Object.entries(SCRIPTS).map(([name, text]) => [
    `/usr/lib/negotiator/commands/${name}`,
    { text, mode: 0o755 },
  ]),
);

/** The output lines of `list-commands`: the scripts and the built-in commands, sorted. */
export const COMMAND_LIST = [...Object.keys(SCRIPTS), ...BUILTINS.map(({ name }) => name)].sort();
