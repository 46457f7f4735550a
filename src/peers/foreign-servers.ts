/** The foreign side of a shared port: takes the frames that are not native to the dialect that knows them. */
import type { JsonObject } from "../wire/json.ts";
import type { ForeignFrame, Session } from "../wire/session/session.ts";
import type { ForeignDialect, ForeignServer, ServerLine } from "./dialect.ts";

/** The servers of the foreign dialects on one session. */
export type ForeignServers = {
  /** For `onForeign` of the session. */
  take(frame: ForeignFrame): boolean;
  /** Something has gone out: there may be room for an answer. */
  resume(): void;
  /** No foreign peer is there to take an answer. */
  cancelAll(): void;
};

/** What the servers need besides the session. */
export type ForeignServersOptions = Pick<ServerLine, "serve" | "makeId" | "limits"> & {
  side: "dialler" | "listener";
  dialects: readonly ForeignDialect[];
  /** Dialler: the peer has refused our hello in this dialect. Called before the session yields. */
  onRefused: (dialect: ForeignDialect) => void;
};

/**
 * Servers for these dialects. A listener answers their calls; a dialler only learns from the refusal of its
 * hello.
 */
export function createForeignServers(session: Session, options: ForeignServersOptions): ForeignServers {
  const { side, dialects, onRefused, serve, makeId, limits } = options;
  const line: ServerLine = {
    serve,
    makeId,
    limits,
    send: (bytes) => session.sendForeign(bytes),
    unsent: () => session.unsentLines,
  };
  const servers = new Map<ForeignDialect, ForeignServer>(
    dialects.map((dialect) => [dialect, dialect.createServer(line)]),
  );

  const serveCaller = (dialect: ForeignDialect, object: JsonObject): void => {
    // Yielding empties what the session has to send, so that the answer need not wait for it.
    session.yieldTo(dialect.label);
    servers.get(dialect)?.take(object);
  };

  const detect = (dialect: ForeignDialect, { object, hello }: ForeignFrame): void => {
    if (hello === undefined || !dialect.refusesHello(object, hello)) return;
    onRefused(dialect);
    session.yieldTo(dialect.label);
  };

  return {
    take(frame) {
      const dialect = dialects.find((candidate) => candidate.recognises(frame.object));
      if (dialect === undefined) return false;
      if (side === "dialler") detect(dialect, frame);
      else serveCaller(dialect, frame.object);
      return true;
    },
    resume() {
      for (const server of servers.values()) server.resume();
    },
    cancelAll() {
      for (const server of servers.values()) server.cancelAll();
    },
  };
}
