/** Looks whether there is the group whose members may use the daemon. */
import { shellLine } from "../../shell-word.ts";
import { CONTROL_GROUP } from "../cli/control-client.ts";
import { groupCommand, hasGroup } from "../install/group-steps.ts";
import { findPrograms } from "../install/present-programs.ts";
import { defineCheck } from "./check.ts";
import { ok, warning } from "./finding.ts";

/** `make`: the command that makes the group here; undefined if no program does. */
type Group = { isThere: boolean; make: readonly string[] | undefined };

/** The group of the control socket. Says nothing to other users than root. */
export const CHECK_GROUP = defineCheck<Group>({
  name: "group",
  async look() {
    const hasProgram = await findPrograms();
    return { isThere: await hasGroup("/", hasProgram), make: groupCommand(hasProgram)?.argv };
  },
  judge({ isThere, make }, { role, isRoot }) {
    // Another user learns it from the refusal of the daemon.
    if (!isRoot) return [];
    if (isThere) return [ok(`members of "${CONTROL_GROUP}" may use the daemon`)];
    const how = make === undefined ? `negotiator ${role} install` : shellLine(make);
    return [
      warning(
        `there is no group "${CONTROL_GROUP}", so only root may use the daemon`,
        `Make it, and restart the daemon: ${how}; systemctl restart negotiator-${role}\n` +
          `Then add its users: usermod -aG ${CONTROL_GROUP} USER`,
      ),
    ];
  },
});
