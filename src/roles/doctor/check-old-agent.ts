/** Looks for a python-negotiator that runs beside us and wants the same ports. */
import { shellLine } from "../../shell-word.ts";
import { findOldAgents } from "../install/old-agent.ts";
import type { OldAgent } from "../install/old-agent.ts";
import { defineCheck } from "./check.ts";
import { problem } from "./finding.ts";

/** A daemon of python-negotiator. Says nothing without one. */
export const CHECK_OLD_AGENT = defineCheck<readonly OldAgent[]>({
  name: "old agent",
  look: ({ role }) => Promise.resolve(findOldAgents(role)),
  judge: (agents) =>
    agents.map(({ pid, program, stop }) =>
      problem(
        `python-negotiator runs here too (${program}, process ${pid}), and wants the same ports`,
        `Stop it: ${shellLine(stop)}`,
      ),
    ),
});
