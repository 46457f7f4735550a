/** The subcommand `audit`: shows the recorded calls of this machine. */
import { createAuditReader } from "../../audit/audit-reader.ts";
import { deniedPathOf } from "../../audit/audit.ts";
import { readEntries } from "../../audit/read-entries.ts";
import type { BadLines, ReadEntry } from "../../audit/read-entries.ts";
import { pause } from "../../peers/supervise.ts";
import { parseGlob } from "../../policy/glob.ts";
import { printable, printableJson } from "../../printable.ts";
import { standardOutput } from "../../standard-output.ts";
import { formatAuditEntry } from "./audit-text.ts";
import { readSince } from "./since.ts";
import type { Invocation, Outcome } from "./subcommand.ts";

/** How often `--follow` looks for new lines. */
const LOOK_MS = 200;
/** `--follow` begins with so many lines, as `tail` does. */
const LAST_LINES = 10;
/** Starts whose ends have not come yet. Beyond it the oldest is shown alone. */
const MOST_STARTS = 4096;
const MOST_TEXT = 64 * 1024;

/** Prints the calls. With `--follow` it ends only with its reader, or by a signal. */
export async function showAudit(role: "host" | "guest", { words, config }: Invocation): Promise<Outcome> {
  const { options } = words;
  const { file } = config.settings.audit;
  const since = options.get("since")?.at(-1);
  const follows = options.has("follow");
  const sinceMs = since === undefined ? Number.NEGATIVE_INFINITY : readSince(since, Date.now());
  const from = follows && since === undefined ? "current" : { sinceMs };
  const isWanted = createFilter(role, { ...filterOf(options), sinceMs });
  const bad: BadLines = { count: 0, places: [] };
  using ran = createAuditReader(file, from);
  using denied = createAuditReader(deniedPathOf(file), from);
  const lines = createLines(options.has("json"));
  const read = function* (isLive: boolean): Generator<string, void, undefined> {
    for (const entry of readEntries([ran, denied], { isLast: !follows, bad }))
      if (isWanted(entry)) yield* lines.add(entry, isLive);
    if (!isLive) yield* lines.rest();
  };
  const count = await writeLines(from === "current" ? lastOf(read(false)) : read(false));
  await warnOfBad(bad);
  if (!follows) {
    if (count === 0) await note(`No such call is in ${printable(file)} and the files beside it`);
    return { exitCode: 0 };
  }
  const never = new AbortController().signal;
  for (;;) {
    await pause(LOOK_MS, never);
    const before = bad.count;
    if ((await writeLines(read(true))) === undefined) return { exitCode: 0 };
    if (bad.count > before) await warnOfBad(bad);
  }
}

type Filter = { guest?: string | undefined; user?: string | undefined; isDenied: boolean; sinceMs: number };

function filterOf(options: Invocation["words"]["options"]): Omit<Filter, "sinceMs"> {
  return {
    guest: options.get("guest")?.at(-1),
    user: options.get("user")?.at(-1),
    isDenied: options.has("denied"),
  };
}

/** Both roles of a machine may write to the same file. */
function createFilter(
  role: "host" | "guest",
  { guest, user, isDenied, sinceMs }: Filter,
): (entry: ReadEntry) => boolean {
  const glob = guest === undefined ? undefined : parseGlob(guest);
  return ({ timeMs, members }) => {
    if (timeMs < sinceMs || (members["role"] !== undefined && members["role"] !== role)) return false;
    if (isDenied && !isRefused(members)) return false;
    const name = memberOf(members["peer"], "guest");
    if (glob !== undefined && !(typeof name === "string" && glob.matches(name))) return false;
    return user === undefined || isUser(members["user"], user);
  };
}

function isRefused({ decision, errorCode, event, ran }: ReadEntry["members"]): boolean {
  return decision === "denied" || errorCode === "BUSY" || (event === "left-out" && ran === false);
}

function isUser(member: unknown, user: string): boolean {
  return [memberOf(member, "name"), memberOf(member, "uid")].some(
    (one) => one === user || one === Number(user),
  );
}

function memberOf(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null) return undefined;
  return Object.entries(value).find(([name]) => name === key)?.[1];
}

type Lines = {
  /** Yields the lines for an entry. Unless it comes live, a start waits for its end. */
  add: (entry: ReadEntry, isLive: boolean) => Generator<string, void, undefined>;
  /** Yields the starts whose ends have not come. */
  rest: () => Generator<string, void, undefined>;
};

function createLines(isJson: boolean): Lines {
  const starts = new Map<string, ReadEntry>();
  return {
    *add(entry, isLive) {
      const key = keyOf(entry);
      if (isJson) {
        yield printableJson(JSON.stringify(entry.members));
      } else if (entry.members["event"] !== "start" || key === undefined || isLive) {
        // A denied call never began, so it is not the end of another one.
        if (key !== undefined && entry.members["decision"] !== "denied") starts.delete(key);
        yield formatAuditEntry(entry);
      } else {
        const oldest = starts.size >= MOST_STARTS ? starts.keys().next().value : undefined;
        for (const old of new Set([key, oldest])) {
          const start = old === undefined ? undefined : starts.get(old);
          if (start !== undefined) yield formatAuditEntry(start);
          if (old !== undefined) starts.delete(old);
        }
        starts.set(key, entry);
      }
    },
    *rest() {
      for (const entry of starts.values()) yield formatAuditEntry(entry);
      starts.clear();
    },
  };
}

/**
 * A python-negotiator has no ids. The caller chooses the id, and could use one again to hide an earlier call
 * behind the end of another, so all that both lines have counts too.
 */
function keyOf({ members }: ReadEntry): string | undefined {
  const { callId, direction, peer, user, command, arguments: words, argumentsSha256, builtin } = members;
  if (typeof callId !== "string") return undefined;
  return JSON.stringify([
    callId,
    direction,
    peer,
    user,
    command,
    ...(builtin === true ? [] : [words, argumentsSha256]),
  ]);
}

function* lastOf(lines: Iterable<string>): Generator<string, void, undefined> {
  const last: string[] = [];
  for (const line of lines) {
    last.push(line);
    if (last.length > LAST_LINES) last.shift();
  }
  yield* last;
}

/** Resolves with the number of lines, or undefined when the reader of our output is gone. */
async function writeLines(lines: Iterable<string>): Promise<number | undefined> {
  let count = 0;
  let text = "";
  for (const line of lines) {
    count++;
    text += `${line}\n`;
    if (text.length < MOST_TEXT) continue;
    if (!(await standardOutput.write("stdout", text))) return undefined;
    text = "";
  }
  return text === "" || (await standardOutput.write("stdout", text)) ? count : undefined;
}

async function warnOfBad({ count, places }: BadLines): Promise<void> {
  if (count === 0) return;
  const more = count > places.length ? " and others" : "";
  await note(`Lines that are not lines of the audit: ${count} (${printable(places.join(", "))}${more})`);
}

async function note(text: string): Promise<void> {
  await standardOutput.write("stderr", `negotiator: ${text}\n`);
}
