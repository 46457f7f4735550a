/** Texts of help that both roles have. */

/** Under the usage of `execute`. */
export const EXECUTE_NOTES =
  "Everything after COMMAND belongs to the command. Standard input is sent unless it is a terminal; " +
  "in a loop that reads a list, use -n, or the first call takes the rest of the list. " +
  "Exit codes: the command's own; 124 its deadline passed, 125 negotiator failed, " +
  "126 denied or not executable, 127 no such command, 128+n ended by signal n.";

/** Under the usage of `daemon`. */
export const DAEMON_NOTES =
  "SIGHUP reads the configuration and the policy again (limits and the control socket stay); " +
  "SIGTERM and SIGINT end the daemon when its calls have ended.";

/** Under the usage of `check-policy`. */
export const CHECK_POLICY_NOTES =
  "Shows each rule of the policy in turn, whether it matches and why not, up to the rule that decides. " +
  "Exit code: 0 allowed, 1 denied. The policy is the file that the setting policyFile names; " +
  "--config chooses other settings.";

/** Under the usage of `list-commands`. */
export const LIST_COMMANDS_NOTES =
  "With --json each line is { name, kind, description, timeoutSeconds, stdin }.";
