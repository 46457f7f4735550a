/** The transcripts of the original, cut into calls. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

export type CapturedCall = {
  /** That of the transcript, with a number behind it where there are several calls in one. */
  name: string;
  /** In the very bytes, count included. */
  request: string;
  /** Undefined when the client did not wait for it. */
  reply: string | undefined;
  method: string;
  args: readonly string[];
  /** What came before the request: the answer to somebody else's. */
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

/** What stands behind the count. */
export function bodyOf(frame: string): string {
  return frame.slice(frame.indexOf("\n") + 1);
}

/** The captures leave out the middle of one reply, which is a line of the letter x. */
function restore(reply: string): string {
  if (!reply.includes(" chars cut]")) return reply;
  const [before, after] = ['{"result": "', '", "success": true}'];
  const count = Number.parseInt(reply, 10);
  return `${count}\n${before}${"x".repeat(count - before.length - after.length)}${after}`;
}
