/** Lets the host's own calls ask what clients of the guest agent ask, such as the guest's addresses. */
import type { Serve } from "../../methods/serve.ts";
import { GUEST_WORDS } from "../../peers/guest-words.ts";
import type { IncomingCall } from "../../wire/calls/incoming-call.ts";

/** Returns what serves the host: `agent` serves the commands of the guest agent, `own` all other calls. */
export function withAgent(own: Serve, agent: () => Promise<Serve>): Serve {
  const words = new Set(GUEST_WORDS);
  const ask = async (call: IncomingCall): Promise<void> => {
    (await agent()).call({ ...call, respond: (result) => call.respond(toPlain(result)) });
  };
  return {
    ...own,
    call(call) {
      if (words.has(call.method)) void ask(call);
      else own.call(call);
    },
  };
}

/** An answer has integers of 64 bits, which JSON of the native dialect does not carry, or is nothing. */
function toPlain(result: unknown): unknown {
  if (result === undefined) return {};
  const text = JSON.stringify(result, (_, value: unknown) =>
    typeof value === "bigint" ? Number(value) : value,
  );
  return JSON.parse(text);
}
