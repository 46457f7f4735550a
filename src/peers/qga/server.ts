/** Answers the clients of the QEMU guest agent: one request after the other, in their order. */
import { NegotiatorError } from "../../errors.ts";
import type { JsonObject } from "../../wire/json.ts";
import { isJsonObject } from "../../wire/json.ts";
import type { ForeignServer, ServerLine } from "../dialect.ts";
import { createCollectedCall } from "../queued/collected-call.ts";
import { toAgentError } from "./error-class.ts";
import { writeExactJson } from "./json-writer.ts";

/** Before the answer to a delimited synchronisation: no JSON text has this byte. */
const DELIMITER = new Uint8Array([0xff]);

type Waiting = JsonObject | NegotiatorError;

/** Creates a server. Nothing is sent that was not asked for. */
export function createAgentServer(line: ServerLine): ForeignServer {
  /** The next request; more of them wait in the channel. Each can have megabytes, and so can an answer. */
  let next: Waiting | undefined;
  let isBusy = false;
  let presence = new AbortController();
  let waiter: PromiseWithResolvers<void> | undefined;

  const takeNext = (): Waiting | undefined => {
    const taken = next;
    next = undefined;
    waiter?.resolve();
    waiter = undefined;
    return taken;
  };
  const work = async (): Promise<void> => {
    if (isBusy) return;
    isBusy = true;
    // A client that does not read gets no further answer into our memory.
    while (line.unsent() === 0) {
      const waiting = takeNext();
      if (waiting === undefined) break;
      const { signal } = presence;
      const bytes = await answer(waiting, line, signal);
      // The client that asked is gone, and another one would take this for its own answer.
      if (bytes !== undefined && !signal.aborted) line.send(bytes);
    }
    isBusy = false;
  };
  const enqueue = (waiting: Waiting): void => {
    next = waiting;
    void work();
  };

  return {
    take: enqueue,
    takeFault: enqueue,
    ready() {
      if (next === undefined) return Promise.resolve();
      waiter ??= Promise.withResolvers<void>();
      return waiter.promise;
    },
    resume: () => void work(),
    cancelAll() {
      takeNext();
      presence.abort(new NegotiatorError("CANCELLED", "The client is gone"));
      presence = new AbortController();
    },
  };
}

/** Returns the bytes of the answer; undefined for a request that is answered by what it does. */
async function answer(
  waiting: Waiting,
  line: ServerLine,
  signal: AbortSignal,
): Promise<Uint8Array | undefined> {
  if (waiting instanceof NegotiatorError) return writeExactJson({ error: toAgentError(waiting, "") });
  const id = "id" in waiting ? { id: waiting["id"] } : {};
  const { execute } = waiting;
  try {
    const { method, params } = readRequest(waiting);
    const { call, ended } = createCollectedCall({
      id: line.makeId(),
      method,
      params,
      input: null,
      signal,
      take: () => undefined,
    });
    line.serve.call(call);
    const reply = await ended;
    if ("error" in reply) throw reply.error;
    if (reply.result === undefined) return undefined;
    const bytes = writeExactJson({ return: reply.result, ...id });
    return method === "guest-sync-delimited" ? Buffer.concat([DELIMITER, bytes]) : bytes;
  } catch (thrown) {
    return writeExactJson({ ...id, error: toAgentError(NegotiatorError.from(thrown), String(execute)) });
  }
}

const MEMBERS: ReadonlySet<string> = new Set(["execute", "arguments", "id"]);

function readRequest(request: JsonObject): { method: string; params: JsonObject } {
  const { execute, arguments: params = {} } = request;
  const unexpected = Object.keys(request).find((name) => !MEMBERS.has(name));
  if (unexpected !== undefined) throw invalid(`QMP input member '${unexpected}' is unexpected`);
  if (execute === undefined) throw invalid("QMP input lacks member 'execute'");
  if (typeof execute !== "string") throw invalid("QMP input member 'execute' must be a string");
  if (!isJsonObject(params)) throw invalid("QMP input member 'arguments' must be an object");
  return { method: execute, params };
}

function invalid(problem: string): NegotiatorError {
  return new NegotiatorError("BAD_REQUEST", problem);
}
