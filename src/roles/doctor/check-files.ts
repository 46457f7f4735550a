/** Looks whether the config and the policy can be used as they are now. */
import { findPolicyFile } from "../../config/config.ts";
import { NegotiatorError } from "../../errors.ts";
import { readPolicy } from "../../policy/policy-file.ts";
import { judgePolicy } from "../cli/judge-policy.ts";
import type { PolicyJudgement } from "../cli/judge-policy.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { defineCheck } from "./check.ts";
import { fromLook, ok, problem, warning } from "./finding.ts";
import type { Found } from "./finding.ts";

/** `more` are the problems of settings that only the role can judge. */
type ConfigFacts = {
  problem: NegotiatorError | undefined;
  warnings: readonly string[];
  more: readonly string[];
  files: readonly string[];
};

/** The config: valid, and only its administrator can change it. `judgeMore` judges settings of the role. */
export function createConfigCheck(
  judgeMore: (invocation: Invocation) => Promise<readonly string[]>,
): ReturnType<typeof defineCheck<ConfigFacts>> {
  return defineCheck<ConfigFacts>({
    name: "config",
    async look({ invocation, configProblem }) {
      const { config } = invocation;
      const files = [...new Set(config.origins.values())].filter((origin) => origin.startsWith("/"));
      const more = configProblem === undefined ? await judgeMore(invocation) : [];
      return { problem: configProblem, warnings: config.warnings, more, files };
    },
    judge: ({ problem: wrong, warnings, more, files }, { isRoot }) =>
      wrong === undefined
        ? allOr(
            [...more.map((text) => fromText(text)), ...warnings.map((text) => fromText(text, "warning"))],
            files.length === 0 ? "every setting has its default" : `${files.join(", ")} is right`,
          )
        : [fromLook(wrong, isRoot)],
  });
}

/** `hasRules`: whether there is a policy. `judgement`: what is wrong with a valid one. */
type PolicyFacts = { path: string; hasRules: boolean } & (
  { problem: NegotiatorError } | { problem: undefined; judgement: PolicyJudgement }
);

/** The policy. With a wrong config, its place is not known. */
export const CHECK_POLICY_FILE = defineCheck<PolicyFacts>({
  name: "policy",
  async look({ role, invocation: { config } }) {
    const file = findPolicyFile(config);
    const { path } = file;
    try {
      const policy = readPolicy(file);
      const judgement = await judgePolicy(role, config, policy, path);
      return { path, problem: undefined, hasRules: policy.kind === "rules", judgement };
    } catch (thrown) {
      return { path, problem: NegotiatorError.from(thrown), hasRules: false };
    }
  },
  judge(facts, { isRoot }) {
    if (facts.problem !== undefined) return [fromLook(facts.problem, isRoot)];
    const { path, hasRules, judgement } = facts;
    return allOr(
      [
        ...judgement.problems.map((text) => fromText(text)),
        ...judgement.warnings.map((text) => fromText(text, "warning")),
      ],
      hasRules ? `${path} is right` : `there is none at ${path}, so the other side may run every command`,
    );
  },
});

function allOr(found: readonly Found[], fine: string): readonly Found[] {
  return found.length > 0 ? found : [ok(fine)];
}

function fromText(text: string, level: "problem" | "warning" = "problem"): Found {
  const [first = "", ...rest] = text.split("\n");
  const make = level === "problem" ? problem : warning;
  return make(first, rest.length === 0 ? undefined : rest.join("\n"));
}
