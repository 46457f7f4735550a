/** Texts of help that both roles have. */

/** Under the usage of `execute`. */
export const EXECUTE_NOTES =
  "Everything after COMMAND belongs to the command. Standard input is sent unless it is a terminal; " +
  "in a loop that reads a list, use -n, or the first call takes the rest of the list.\n\n" +
  "Exit codes: the command's own; 124 its deadline passed, 125 negotiator failed, " +
  "126 denied or not executable, 127 no such command, 128+n ended by signal n.";

/** Under the usage of `daemon`. */
export const DAEMON_NOTES =
  "SIGHUP reads the configuration and the policy again (limits and the control socket stay); " +
  "SIGTERM and SIGINT end the daemon when its calls have ended.";

/** Under the usage of `check-policy`. */
export const CHECK_POLICY_NOTES =
  "Shows each rule of the policy in turn, whether it matches and why not, up to the rule that decides. " +
  "It asks the running daemon, and says so if the file was changed since the daemon read it. Without a " +
  "daemon, and with --config, it reads the files itself. It also looks whether the command and its user " +
  "exist. Exit code: 0 the call would run, 1 it would not, or the daemon has not read the file as it is now.";

/** Under the usage of `list-commands`. */
export const LIST_COMMANDS_NOTES =
  "On a terminal and with --long, each name has its description, if it has one. With --json each line is " +
  "{ name, kind, description, timeoutSeconds, stdin }.";
