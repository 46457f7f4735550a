/** Sorts the frames of a shared port that are not native: each goes to the dialect that recognises it. */
import type { JsonObject } from "../wire/json.ts";
import type { ForeignFrame, Session } from "../wire/session/session.ts";
import { canServe } from "./dialect.ts";
import { createAnswerMemory } from "./answer-memory.ts";
import type { ForeignDialect, ForeignServer, ForeignServing, HelloAnswer, ServerLine } from "./dialect.ts";

/** The servers of the foreign dialects on one session. */
export type ForeignServers = {
  /** Takes a frame that is not native. Returns false if no dialect recognises it. */
  take(frame: ForeignFrame): boolean;
  /** Lets the servers start their next request, after bytes were written. */
  resume(): void;
  /** Cancels the calls of foreign peers: none of them would read an answer. */
  cancelAll(): void;
};

/** Options of the servers on one session. */
export type ForeignServersOptions = ForeignServing & {
  side: "dialler" | "listener";
  dialects: readonly ForeignDialect[];
  /** For a dialler: the peer refused our hello in this dialect. Called before the session yields. */
  onRefused: (dialect: ForeignDialect) => void;
};

/** Servers for these dialects. A listener answers calls; a dialler only detects who refuses its hello. */
export function createForeignServers(
  session: Pick<Session, "sendForeign" | "unsentLines" | "yieldTo">,
  options: ForeignServersOptions,
): ForeignServers {
  const {
    side,
    dialects,
    onRefused,
    serve,
    makeId,
    limits,
    memory,
    answerMemory = createAnswerMemory(limits.foreignAnswerBytes),
  } = options;
  const line: ServerLine = {
    serve,
    makeId,
    limits,
    memory,
    answerMemory,
    send: (bytes) => session.sendForeign(bytes),
    unsent: () => session.unsentLines,
  };
  const servers = new Map<ForeignDialect, ForeignServer>(
    dialects.filter(canServe).map((dialect) => [dialect, dialect.createServer(line)]),
  );

  const serveCaller = (dialect: ForeignDialect, object: JsonObject): void => {
    // Yielding drops the unsent native messages, which would delay the answer.
    session.yieldTo(dialect.label);
    servers.get(dialect)?.take(object);
  };

  const answer = (dialect: ForeignDialect, meant: HelloAnswer): void => {
    if (meant.kind === "refused") {
      onRefused(dialect);
      session.yieldTo(dialect.label);
      return;
    }
    // A peer that asks without end and reads no replies must not fill the queue.
    if (session.unsentLines === 0) session.sendForeign(meant.bytes);
  };

  const detect = ({ object, hello }: ForeignFrame): boolean => {
    for (const dialect of dialects) {
      const meant = hello === undefined ? undefined : dialect.readHelloAnswer(object, hello);
      if (meant === undefined) continue;
      answer(dialect, meant);
      return true;
    }
    return dialects.some((candidate) => candidate.recognises(object));
  };

  return {
    take(frame) {
      if (side === "dialler") return detect(frame);
      const dialect = dialects.find((candidate) => candidate.recognises(frame.object));
      if (dialect !== undefined) serveCaller(dialect, frame.object);
      return dialect !== undefined;
    },
    resume() {
      for (const server of servers.values()) server.resume();
    },
    cancelAll() {
      for (const server of servers.values()) server.cancelAll();
    },
  };
}
