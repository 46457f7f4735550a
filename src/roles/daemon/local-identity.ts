/**
 * Asks the system who a local user is: its name and the names of its groups. A directory service may answer
 * late or never, so a child asks, under a deadline.
 */
import { NegotiatorError } from "../../errors.ts";
import { logFor } from "../../log.ts";
import type { LocalUser } from "../../policy/caller.ts";
import { createLimitedLog } from "../../policy/limited-log.ts";
import { runText } from "../../process/run-text.ts";
import type { RunText } from "../../process/run-text.ts";

/** Returns the user with the names of its groups. A member that the system does not say is undefined. */
export type FindLocalUser = (user: Pick<LocalUser, "uid" | "name">) => Promise<LocalUser>;

/** Tests replace the program runner and the clock, in milliseconds. */
export type LocalIdentityOptions = { run?: RunText; now?: () => number };

const ANSWER_MS = 2000;
const MOST_BYTES = 256 * 1024;
/** A user who makes many calls must not start a program for each, and a new member must count soon. */
const KEPT_MS = 5000;
const MOST_KEPT = 256;
const LOGGED = { calls: 1, perMs: 60_000 };

const log = logFor("policy");

/** Creates the search. It keeps what it has found for some seconds. Never rejects. */
export function createLocalIdentity(options: LocalIdentityOptions = {}): FindLocalUser {
  const { run = runText, now = () => performance.now() } = options;
  const kept = new Map<number, { user: Promise<LocalUser>; untilMs: number }>();
  const warn = createLimitedLog({ write: (line) => log.warn(line), rate: LOGGED, now });

  return ({ uid, name }) => {
    if (uid === undefined) return Promise.resolve({});
    const known = kept.get(uid);
    if (known !== undefined && now() < known.untilMs) return known.user;
    const user = askSystem(uid, name, run, (problem) => warn([uid], problem));
    kept.delete(uid);
    const [oldest] = kept.keys();
    if (kept.size >= MOST_KEPT && oldest !== undefined) kept.delete(oldest);
    kept.set(uid, { user, untilMs: now() + KEPT_MS });
    return user;
  };
}

/** Returns the user with this name or uid. Throws `BAD_CONFIG` if the system knows none. */
export async function findNamedUser(nameOrUid: string, run: RunText = runText): Promise<LocalUser> {
  // It would be an option, and not every `getent` knows `--`. No user has such a name.
  const rows = nameOrUid.startsWith("-") ? [] : await askRows(run, ["getent", "passwd", nameOrUid]);
  const [user] = rows;
  const [name = "", , uid = ""] = user ?? [];
  if (user === undefined)
    throw new NegotiatorError("BAD_CONFIG", `The system knows no user "${nameOrUid}"`, {
      remedy: "List the users: getent passwd",
    });
  return createLocalIdentity({ run })({ uid: Number(uid), name });
}

async function askSystem(
  uid: number,
  known: string | undefined,
  run: RunText,
  onProblem: (problem: string) => void,
): Promise<LocalUser> {
  let name = known;
  try {
    name ??= (await askRows(run, ["getent", "passwd", String(uid)]))[0]?.[0];
    return { uid, name, ...(await findGroups(run, name ?? String(uid))) };
  } catch (thrown) {
    const { message } = NegotiatorError.from(thrown);
    onProblem(`Rules about groups deny the calls of user ${uid}, whose groups are not known: ${message}`);
    return { uid, name };
  }
}

/** `id` prints blanks between names, and a name may hold some, so the names are looked up by number. */
async function findGroups(
  run: RunText,
  user: string,
): Promise<Pick<LocalUser, "groups" | "groupIds" | "hasNamelessGroup">> {
  const { stdout, exitCode, stderr } = await ask(run, ["id", "-G", "--", user]);
  const numbers = stdout.split(/\s+/).filter((word) => /^\d+$/.test(word));
  if (exitCode !== 0 || numbers.length === 0)
    throw new NegotiatorError("BAD_CONFIG", stderr.trim() || `id knows no groups of "${user}"`);
  const rows = await askRows(run, ["getent", "group", ...numbers]);
  const named = new Set(rows.map(([, , gid]) => gid));
  const isNameless = numbers.some((gid) => !named.has(gid));
  return {
    groups: rows.map(([name = ""]) => name),
    groupIds: numbers.map(Number),
    ...(isNameless && { hasNamelessGroup: true }),
  };
}

/** Entries that the system does not know are left out. */
async function askRows(run: RunText, argv: readonly string[]): Promise<string[][]> {
  const { stdout, exitCode, stderr } = await ask(run, argv);
  if (exitCode !== 0 && exitCode !== NOT_FOUND)
    throw new NegotiatorError(
      "BAD_CONFIG",
      `"${argv.join(" ")}" failed: ${stderr.trim() || `exit code ${exitCode}`}`,
    );
  return stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split(":"));
}

/** Source: getent(1). */
const NOT_FOUND = 2;

function ask(run: RunText, argv: readonly string[]): ReturnType<RunText> {
  const { signal } = new AbortController();
  return run(argv, { timeoutMs: ANSWER_MS, outputBytes: MOST_BYTES, environment: { LC_ALL: "C" }, signal });
}
