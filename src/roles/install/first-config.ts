/** The config file of a new installation: comments, and the defaults of the settings that many change. */
import { DEFAULTS } from "../../config/settings.ts";

/** The path of the config. */
export const CONFIG_PATH = "/etc/negotiator/negotiator.toml";

/**
 * Returns the text of the first config: each line is a default behind a `#`, but for `guest.qga` if it is
 * `yes`. It has no `[table]`, so that a line of the docs, such as `guest.qga = "yes"`, can stand anywhere in
 * it.
 */
export function formatFirstConfig(qga: "yes" | "no" = "no"): string {
  const { host, guest, audit, log } = DEFAULTS;
  return `# Settings of negotiator, for both roles. Lines such as #log.level = "info" show defaults.
# Remove the # to change one.
# After a change: negotiator host check-config && negotiator host reload (in a guest: negotiator guest …).
# All settings with their defaults: negotiator host print-config

# Directories of commands. The first one that has a command of that name wins.
#commandsDirectory = ${JSON.stringify(DEFAULTS.commandsDirectory)}

# The built-in commands that this side offers.
#builtIns = ${JSON.stringify(DEFAULTS.builtIns)}

# Who may call what. Without this file the other side may call every command.
#policyFile = ${JSON.stringify(DEFAULTS.policyFile)}

# The time for running calls to end when the daemon stops.
#drainSeconds = ${DEFAULTS.drainSeconds}

# How much is logged.
#log.level = ${JSON.stringify(log.level)}

# The record of calls.
#audit.file = ${JSON.stringify(audit.file)}
#audit.maxBytes = ${audit.maxBytes}
#audit.keep = ${audit.keep}

# On a host: the libvirt to ask. Empty: the one that libvirt chooses.
#host.connect = ${JSON.stringify(host.connect)}

# In a guest: a device, pty or unix socket. Empty: the port is found by its name.
#guest.characterDevice = ${JSON.stringify(guest.characterDevice)}
${qga === "yes" ? '\n# The daemon answers as the QEMU guest agent.\nguest.qga = "yes"\n' : ""}`;
}
