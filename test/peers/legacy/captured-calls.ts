/** Reads the recorded transcripts of python-negotiator, call by call. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

/** One recorded call. */
export type CapturedCall = {
  /** The name of the transcript, followed by a number from its second call on. */
  name: string;
  /** The exact bytes, with the byte count. */
  request: string;
  /** Undefined if the client did not wait for it. */
  reply: string | undefined;
  method: string;
  args: readonly string[];
  /** The bytes before the request: the answer to another client. */
  late: string;
};

type Event = { event?: string; from?: "host" | "guest"; data?: string };

const FILE = join(import.meta.dir, "../../fixtures/python-negotiator.jsonl");

/** Every call in the captures. */
export function readCapturedCalls(): CapturedCall[] {
  const lines = readFileSync(FILE, "utf8").trim().split("\n");
  return lines.flatMap((line) => {
    const { name, wire }: { name: string; wire: Event[] } = JSON.parse(line);
    const client = name.startsWith("1-") ? "host" : "guest";
    const calls = splitAt(wire, "host client connected").map((events) => cutCall(events, client));
    return calls.map((call, index) => ({ name: index === 0 ? name : `${name} (${index + 1})`, ...call }));
  });
}

function splitAt(wire: readonly Event[], event: string): Event[][] {
  const parts: Event[][] = [[]];
  for (const one of wire) {
    if (one.event === event) parts.push([]);
    else parts.at(-1)?.push(one);
  }
  return parts.filter((part) => part.length > 0);
}

function cutCall(events: readonly Event[], client: "host" | "guest"): Omit<CapturedCall, "name"> {
  const first = events.findIndex(({ from }) => from === client);
  const textOf = (part: readonly Event[], isClient: boolean): string =>
    part
      .flatMap(({ from, data = "" }) => (from !== undefined && (from === client) === isClient ? [data] : []))
      .join("");
  const request = textOf(events, true);
  const reply = textOf(events.slice(first), false);
  const { method, args }: { method: string; args: string[] } = JSON.parse(bodyOf(request));
  return {
    request,
    reply: reply === "" ? undefined : restore(reply),
    method,
    args,
    late: textOf(events.slice(0, first), false),
  };
}

/** The body of a frame, without its byte count. */
export function bodyOf(frame: string): string {
  return frame.slice(frame.indexOf("\n") + 1);
}

/** The captures shorten one long reply, a line of the letter x, so it is filled up again. */
function restore(reply: string): string {
  if (!reply.includes(" chars cut]")) return reply;
  const [before, after] = ['{"result": "', '", "success": true}'];
  const count = Number.parseInt(reply, 10);
  return `${count}\n${before}${"x".repeat(count - before.length - after.length)}${after}`;
}
