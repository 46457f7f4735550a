/** Owns the control socket, on which a daemon serves the command lines of the same machine. */
import { dirname } from "node:path";
import { adoptConnection } from "../../channels/socket/socket-connection.ts";
import type { FrozenListener } from "../../channels/socket/socket-listener.ts";
import { NegotiatorError } from "../../errors.ts";
import type { Limits } from "../../limits.ts";
import { logFor } from "../../log.ts";
import type { Serve } from "../../methods/serve.ts";
import { createShare } from "../../peers/fair-reader.ts";
import { serveInTurns } from "../../peers/fair-start.ts";
import type { Share } from "../../peers/fair-reader.ts";
import { createLink } from "../../peers/link.ts";
import type { FrozenLink, Link } from "../../peers/link.ts";
import { createLimitedLog } from "../../policy/limited-log.ts";
import { printable } from "../../printable.ts";
import { createUserCache } from "../../process/user-cache.ts";
import type { UserCache } from "../../process/user-cache.ts";
import type { Channel } from "../../wire/channel.ts";
import type { CallerInfo } from "../../wire/message.ts";
import { describeAgent, makeId } from "../identity.ts";
import { CONTROL_GROUP } from "../cli/control-client.ts";
import { keepListening } from "./kept-socket.ts";
import { describeLocalCaller, findCallerFault, nameKnown, nameUser } from "./local-caller.ts";
import { createLocalShares } from "./local-shares.ts";
import type { LocalLimits, LocalWords } from "./local-shares.ts";

/** Root and the members of the group may use the control socket. */
export const CONTROL_MODE = 0o660;

/** Each connection needs a descriptor, and the daemon needs descriptors for the other side too. */
const SERVED_CONNECTIONS: LocalLimits = { ofUser: 128, ofAll: 512 };
/** Further connections that get an answer with the reason; the daemon closes all others at once. */
const REFUSED_CONNECTIONS: LocalLimits = { ofUser: 8, ofAll: 32 };
/** The longest time of a connection without an open session: before the hello or after the end. */
const IDLE_MS = 10_000;
const WARNING_RATE = { calls: 1, perMs: 60_000 };

const log = logFor("control");

/** Options of the control socket. */
export type ControlOptions = {
  limits: Limits;
  /** Where the calls and notices of local users go. */
  serve: Serve;
  /** Connections that are served at once, not counting those of root; tests pass other numbers. */
  connections?: LocalLimits;
  /** Where the names of users come from. */
  users?: UserCache;
  /** Returns the user of a connection; tests pass another function. */
  callerOf?: (descriptor: number) => CallerInfo;
  /** Returns why a connection gets no answer; tests pass another function. */
  faultOf?: (descriptor: number) => string | undefined;
  /** The longest time of a connection without an open session; tests pass another number. */
  idleMs?: number;
  /** The control socket of the program that this one has replaced. */
  frozen?: FrozenControl | undefined;
};

/** The control socket and its connections as plain data. */
export type FrozenControl = { listener: FrozenListener; connections: FrozenConnection[] };
type FrozenConnection = { caller: CallerInfo; link: FrozenLink };

/** The daemon's end of the control socket. */
export type ControlServer = AsyncDisposable & { freeze(): FrozenControl };
type Served = { caller: CallerInfo; channel: Channel; link?: Link };

/**
 * Serves every connection until it is disposed. If a user has too many open, or all users together, it
 * answers the calls of further ones with `BUSY`. Root always gets in. Throws `BUSY` when a daemon serves
 * there already.
 */
export async function listenControl(
  role: "host" | "guest",
  path: string,
  options: ControlOptions,
): Promise<ControlServer> {
  const { limits, serve, idleMs = IDLE_MS, callerOf = describeLocalCaller, frozen } = options;
  const names = options.users ?? createUserCache();
  const { faultOf = findCallerFault } = options;
  const words: LocalWords = {
    what: (whose) => `connections of ${whose}`,
    remedyFor: () => listConnections(path),
  };
  const served = createLocalShares(options.connections ?? SERVED_CONNECTIONS, words);
  const refused = createLocalShares(REFUSED_CONNECTIONS, words);
  const warn = createLimitedLog({
    write: (line) => log.warn(line),
    rate: WARNING_RATE,
    now: () => performance.now(),
  });

  const open = new Set<Served>();
  const answer = createAnswer({ role, limits, idleMs, names, onEnd: (ended) => open.delete(ended) });

  const admit = (caller: CallerInfo, channel: Channel, thawed?: FrozenLink): NegotiatorError | undefined => {
    const place = served.take(caller);
    if (place instanceof NegotiatorError) return place;
    const connection = { caller, channel };
    open.add(connection);
    void answer(connection, serve, thawed).finally(() => release(place));
    return undefined;
  };

  for (const { caller, link } of frozen?.connections ?? []) {
    const channel = link.channel && (await adoptConnection(link.channel).catch(() => undefined));
    if (channel !== undefined && admit(caller, channel, link) !== undefined) await channel.close();
  }
  const socket = await keepListening(path, {
    frozen: frozen?.listener,
    mode: CONTROL_MODE,
    group: CONTROL_GROUP,
    // Calls end with their connection.
    closesLeft: true,
    admits(descriptor) {
      const fault = faultOf(descriptor);
      if (fault === undefined) return true;
      const caller = nameKnown(callerOf(descriptor), names);
      warn([caller.uid ?? "unknown", "foreign"], foreignCaller(caller, fault));
      return false;
    },
    onChannel(channel, descriptor) {
      const caller = nameKnown(callerOf(descriptor), names);
      const place = admit(caller, channel);
      if (place === undefined) return undefined;
      warn([caller.uid ?? "unknown"], place.message);
      const last = refused.take(caller);
      if (last instanceof NegotiatorError) return void channel.close();
      const refuse: Serve = {
        call(call) {
          call.fail(place);
          serve.refused?.({ ...call, error: place });
        },
        notice: () => undefined,
      };
      return void answer({ caller, channel }, refuse).finally(() => release(last));
    },
  });
  return {
    freeze: () => ({ listener: socket.freeze(), connections: [...open].flatMap(freezeConnection) }),
    [Symbol.asyncDispose]: () => socket[Symbol.asyncDispose](),
  };
}

type AnswerOptions = {
  role: "host" | "guest";
  limits: Limits;
  idleMs: number;
  names: UserCache;
  onEnd: (connection: Served) => void;
};

/** Returns what serves one connection to its end. */
function createAnswer({ role, limits, idleMs, names, onEnd }: AnswerOptions) {
  /** A user with many connections has one share of this process for all of them. */
  const users = new Map<number | undefined, { share: Share; connections: number }>();
  return async (connection: Served, given: Serve, thawed?: FrozenLink): Promise<void> => {
    const { channel } = connection;
    const caller = await nameUser(connection.caller, names);
    const user = users.get(caller.uid) ?? { share: createShare(), connections: 0 };
    users.set(caller.uid, user);
    user.connections++;
    const { call, notice, refused } = serveInTurns(given, user.share);
    const idle = new AbortController();
    const abort = (): void => idle.abort();
    let idleTimer = setTimeout(abort, idleMs);
    const link = createLink({
      frozen: thawed,
      side: "listener",
      medium: "socket",
      agent: describeAgent(role),
      makeId,
      limits,
      share: user.share,
      // The caller's own claim does not count.
      onCall: (incoming) => call({ ...incoming, caller }),
      onCallRefused: ({ id, method, params }, error) => refused?.({ id, method, params, caller, error }),
      onNotice: (method, params) => notice({ method, params }),
      onState(state) {
        clearTimeout(idleTimer);
        if (state !== "open") idleTimer = setTimeout(abort, idleMs);
      },
    });
    connection.link = link;
    if (thawed !== undefined) link.thaw(channel);
    try {
      await link.run(channel, idle.signal);
    } catch (thrown) {
      log.debug(NegotiatorError.from(thrown).message);
    } finally {
      // A command line does not connect again, so its calls end with its connection.
      link.session.close("the connection ended");
      clearTimeout(idleTimer);
      onEnd(connection);
      user.connections--;
      if (user.connections === 0) users.delete(caller.uid);
    }
  };
}

/** A connection without a session waits for the name of its user. */
function freezeConnection({ caller, channel, link }: Served): FrozenConnection[] {
  const frozen = channel.freeze?.();
  const both = link === undefined ? frozen && { channel: frozen } : link.freeze();
  return both?.channel === undefined ? [] : [{ caller, link: both }];
}

function release(place: Disposable): void {
  place[Symbol.dispose]();
}

function foreignCaller({ pid, uid }: CallerInfo, fault: string): string {
  const user = `user ${uid ?? "unknown"}`;
  const who = pid === undefined ? user : `${user}, process ${pid}`;
  return (
    `Closed a connection without an answer: a program connected (${who}) that ${fault}\n` +
    "Call the daemon from a process of this machine's own namespaces: negotiator host status"
  );
}

function listConnections(path: string): string {
  return `See them with: ss -xp | grep "${printable(dirname(path))}/"`;
}
