/** The four methods of python-negotiator 0.1 and 0.2 that later releases have as commands. */

/** Our name of each command, and the name of its method. */
const METHODS: ReadonlyMap<string, string> = new Map([
  ["find-distribution-codename", "find_distribution_codename"],
  ["find-distribution-release", "find_distribution_release"],
  ["find-distributor-id", "find_distributor_id"],
  ["find-ip-addresses", "find_ip_addresses"],
]);
const COMMANDS: ReadonlyMap<string, string> = new Map([...METHODS].map(([name, method]) => [method, name]));

/** The method whose result is a list of lines. The results of the others are text. */
export const LIST_METHOD = "find_ip_addresses";

/** The method for one of our commands; undefined for a command that these releases do not know. */
export function findMethod(command: string): string | undefined {
  return METHODS.get(command);
}

/** Our command for a method; undefined for a method that is not one of the four. */
export function findCommand(method: string): string | undefined {
  return COMMANDS.get(method);
}
