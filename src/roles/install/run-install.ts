/** Reads the options of `install`, and does what they ask for. */
import { realpathSync } from "node:fs";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { Role } from "../../peers/dialect.ts";
import { printable } from "../../printable.ts";
import { lockMachine } from "../../process/machine-lock.ts";
import { shellWord } from "../../shell-word.ts";
import { ourUid } from "../../trust/ownership.ts";
import type { Invocation, Outcome } from "../cli/subcommand.ts";
import { usageError } from "../cli/usage.ts";
import { install } from "./install.ts";
import type { InstallOptions } from "./install.ts";
import { withMountedImage } from "./mounted-image.ts";
import { MANAGER_NAMES } from "./service-managers.ts";
import type { ManagerName } from "./service-managers.ts";
import { uninstall } from "./uninstall.ts";

/** Installs or uninstalls. Throws `BAD_USAGE` for options that do not go together. */
export async function runInstall(
  role: Role,
  { words, config, configProblem, manual }: Invocation,
): Promise<Outcome> {
  const has = (name: string): boolean => words.options.has(name);
  const valueOf = (name: string): string | undefined => words.options.get(name)?.at(-1);
  checkPairs(role, has);
  const options: InstallOptions = {
    role,
    manager: readManager(role, valueOf("manager")),
    root: readRoot(valueOf("root")),
    isDryRun: has("dry-run"),
    isJson: has("json"),
    isForced: has("force"),
    stopsOld: has("stop-old"),
    starts: !has("no-start"),
    control: config.settings[role].control,
    manual: (await manual?.()) ?? [],
    qga: has("qga") ? "yes" : has("no-qga") ? "no" : undefined,
    configProblem,
    mayAsk: !has("json") && !has("dry-run") && process.stdin.isTTY,
  };
  if (!options.isDryRun && ourUid() !== 0) throw needsRoot(role);
  using _ = options.isDryRun ? undefined : await lockMachine({ name: "install", work: `${role} install` });
  const image = valueOf("image");
  const work = (root: string): Promise<Outcome> =>
    has("uninstall")
      ? uninstall({ ...options, root, image, purges: has("purge") })
      : install({ ...options, root, image });
  return await (image === undefined ? work(options.root) : withMountedImage(image, work));
}

function checkPairs(role: Role, has: (name: string) => boolean): void {
  const wrong: readonly (readonly [boolean, string])[] = [
    [has("purge") && !has("uninstall"), "--purge needs --uninstall"],
    [has("qga") && has("no-qga"), "--qga and --no-qga do not go together"],
    ...["uninstall", "root", "image", "no-start"].flatMap((name) =>
      ["qga", "no-qga"].map(
        (each) => [has(each) && has(name), `--${each} and --${name} do not go together`] as const,
      ),
    ),
    [has("root") && has("image"), "--root and --image do not go together"],
    [has("image") && has("dry-run"), "--dry-run cannot look into an image: mount it, and use --root"],
  ];
  const problem = wrong.find(([isWrong]) => isWrong)?.[1];
  if (problem === undefined) return;
  throw new NegotiatorError("BAD_USAGE", problem, {
    remedy: `Read the help: negotiator ${role} install --help`,
  });
}

function readManager(role: Role, name: string | undefined): ManagerName | undefined {
  if (name === undefined) return undefined;
  const found = MANAGER_NAMES.find((each) => each === name);
  if (found !== undefined) return found;
  throw usageError("service manager", name, MANAGER_NAMES, `negotiator ${role} install --help`);
}

function readRoot(root: string | undefined): string {
  if (root === undefined) return "/";
  try {
    return realpathSync(root);
  } catch (thrown) {
    throw new NegotiatorError("BAD_USAGE", `Cannot use --root "${printable(root)}": ${errnoOf(thrown)}`, {
      remedy: "Name the directory where the image is mounted",
    });
  }
}

function needsRoot(role: Role): NegotiatorError {
  const program = shellWord(process.execPath);
  return new NegotiatorError("DENIED", "Cannot install: only root may do that", {
    remedy: `Run it as root: sudo ${program} ${role} install
Or see the steps: ${program} ${role} install --dry-run`,
  });
}
