/**
 * The commands that this host keeps for guests that have only the QEMU guest agent. Files in the directory
 * are for all guests. A directory in it is for the guests whose names fit the pattern that is its name, and
 * comes before the others if its name is longer.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { Settings } from "../../config/settings.ts";
import { errnoOf, NegotiatorError } from "../../errors.ts";
import type { CommandSources, Generation } from "../../methods/commands.ts";
import { findInGeneration, listGeneration, loadGeneration } from "../../methods/commands.ts";
import { arePinsCurrent } from "../../methods/pin.ts";
import { cannotRun } from "../../methods/public-error.ts";
import { readProgram } from "../../methods/read-program.ts";
import { logFor } from "../../log.ts";
import { createLimitedLog } from "../../policy/limited-log.ts";
import { createQuota } from "../../policy/quota.ts";
import { parseGlob } from "../../policy/glob.ts";
import type { PushedCommands } from "../../peers/pushed-commands.ts";
import { createFileTurns } from "../../process/file-turns.ts";
import { shellWord } from "../../shell-word.ts";
import { ourUid } from "../../trust/ownership.ts";
import { createCommandLoader, withPresentMounts } from "../daemon/command-loader.ts";
import type { LoadedCommands } from "../daemon/command-loader.ts";

const log = logFor("guest-commands");

/** Each unsafe file is logged once a day for each guest. */
const LOGGED_PROBLEMS = { calls: 1, perMs: 24 * 3_600_000 };

/** How long a call waits for files that are being changed, and how long they have to rest. */
const WAIT_MS = 3000;
const REST_MS = 400;

/**
 * Returns the commands that this host keeps for the guest of this name. They are loaded together, once their
 * files have come to rest, and again when one of them has changed.
 */
export function guestCommands(guest: string, settings: () => Settings): PushedCommands {
  const warn = createLimitedLog({
    write: (message) => log.warn(message),
    rate: LOGGED_PROBLEMS,
    now: () => performance.now(),
    quota: createQuota(),
  });
  let sources: CommandSources | undefined;
  let kept: LoadedCommands | undefined;
  const load = async (): Promise<Generation> => {
    const { host, commandNames } = settings();
    const directories = await findDirectories(host.guestCommandsDirectory, guest);
    const wanted = { ...WORDS, directories, moreNames: commandNames, uid: ourUid() };
    if (kept !== undefined && Bun.deepEquals(sources, wanted) && isCurrent(kept)) return kept;
    const loadAtRest = createCommandLoader({ ...RESTS, sources: () => wanted });
    const loaded = await loadAtRest();
    if (loaded === undefined) throw beingChanged(host.guestCommandsDirectory);
    [sources, kept] = [wanted, loaded];
    return loaded;
  };
  return {
    async list() {
      const { commands, problems } = listGeneration(await load());
      for (const { message } of problems) warn([message], message);
      return commands.map(({ name, kind, description }) =>
        description === undefined ? { name, kind } : { name, kind, description },
      );
    },
    async read(name) {
      const generation = await load();
      const lister = `negotiator host list-commands ${shellWord(guest)}`;
      const command = findInGeneration(name, generation, () => true, { ...WORDS, lister });
      const file = generation.files.get(name);
      if (command.kind !== "user" || file === undefined)
        throw cannotRun(name, "it is not a file", UNREADABLE);
      if (command.user !== undefined) throw hasUser(name, command.path);
      const { timeoutSeconds } = command;
      const program = await readProgram(file, MOST_BYTES);
      return { name, program, ...(timeoutSeconds === undefined ? {} : { timeoutSeconds }) };
    },
  };
}

/** A look at files elsewhere could hang, so these are judged again, in a child. */
function isCurrent(kept: LoadedCommands): boolean {
  const { pins, localPins, failure } = withPresentMounts(kept);
  return failure === undefined && localPins.length === pins.length && arePinsCurrent(pins);
}

const RESTS = {
  load: loadGeneration,
  restMs: REST_MS,
  waitMs: WAIT_MS,
  signal: new AbortController().signal,
  // Their users would be those of the guest.
  users: { load: () => Promise.resolve() },
};

function beingChanged(directory: string): NegotiatorError {
  const message = `Cannot use the commands in "${directory}": they are being changed`;
  return new NegotiatorError("BUSY", message, { remedy: "Call again when they are complete" });
}

const WORDS = { builtins: [], role: "host", runElsewhere: true } as const satisfies Partial<CommandSources>;
const UNREADABLE = new NegotiatorError("NOT_EXECUTABLE", "The command is not a file");

/** A larger program takes minutes on its way through libvirt. */
const MOST_BYTES = 4 * 1024 * 1024;

const LISTS = createFileTurns("host.guestCommandsDirectory");

/** The directories for the guest: those with the longest patterns first, and the common one last. */
async function findDirectories(directory: string, guest: string): Promise<string[]> {
  const list = () => readdir(directory, { withFileTypes: true });
  const entries = await LISTS.run(list).catch((thrown: unknown) => {
    if (errnoOf(thrown) === "ENOENT") return [];
    throw thrown;
  });
  const patterns = entries.filter((entry) => entry.isDirectory()).map(({ name }) => name);
  const fitting = patterns.filter((pattern) => parseGlob(pattern).matches(guest));
  const sorted = fitting.sort((one, other) => other.length - one.length || (one < other ? -1 : 1));
  return [...sorted.map((pattern) => join(directory, pattern)), directory];
}

function hasUser(name: string, path: string): NegotiatorError {
  return new NegotiatorError(
    "UNSUPPORTED",
    `Cannot run "${name}" in the guest: the QEMU guest agent runs commands as its own user, root`,
    { remedy: `Remove "user" from ${shellWord(`${path}.toml`)}, and let the command change its user` },
  );
}
