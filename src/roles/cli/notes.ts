/** Paragraphs of help that both roles have. */

export const EXECUTE_NOTES =
  "Everything behind COMMAND is the command's. Standard input is sent when it is not a terminal; in a loop that reads a list, say -n, or the first call takes the rest of it. Exit codes: the " +
  "command's own; 124 its deadline passed, 125 negotiator failed, 126 denied or not executable, 127 no such command, " +
  "128+n ended by signal n.";

export const CHECK_POLICY_NOTES =
  "Shows each rule of the policy in turn, whether it fits and why not, up to the one that decides. Exit code: 0 allowed, " +
  "1 denied. The policy is the file that the setting policyFile names; --config chooses other settings.";
