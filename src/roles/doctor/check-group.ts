/** Looks whether there is the group whose members may use the daemon. */
import { shellLine } from "../../shell-word.ts";
import { CONTROL_GROUP } from "../cli/control-client.ts";
import { groupCommand, hasGroup } from "../install/group-steps.ts";
import { findPrograms } from "../install/present-programs.ts";
import { findRunningManager } from "../install/running-manager.ts";
import { defineCheck } from "./check.ts";
import { ok, warning } from "./finding.ts";

/** `make`: the command that makes the group here; undefined if no program does. */
type Group = {
  isThere: boolean;
  make: readonly string[] | undefined;
  /** How the daemon is restarted here; undefined without a service manager. */
  restart: readonly string[] | undefined;
};

/** The group of the control socket. Says nothing to other users than root. */
export const CHECK_GROUP = defineCheck<Group>({
  name: "group",
  async look({ role }) {
    const hasProgram = await findPrograms();
    const make = groupCommand(hasProgram)?.argv;
    return { isThere: await hasGroup("/", hasProgram), make, restart: findRunningManager()?.restart(role) };
  },
  judge({ isThere, make, restart }, { role, isRoot }) {
    // Another user learns it from the refusal of the daemon.
    if (!isRoot) return [];
    if (isThere) return [ok(`members of "${CONTROL_GROUP}" may use the daemon`)];
    const how = make === undefined ? `negotiator ${role} install` : shellLine(make);
    return [
      warning(
        `there is no group "${CONTROL_GROUP}", so only root may use the daemon`,
        (restart === undefined
          ? `Make it: ${how}\nThen end the daemon, and start it again: negotiator ${role} daemon\n`
          : `Make it, and restart the daemon: ${how}; ${shellLine(restart)}\n`) +
          `Then add its users: usermod -aG ${CONTROL_GROUP} USER`,
      ),
    ];
  },
});
