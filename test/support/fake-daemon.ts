/** A daemon's control socket that answers each method with a given value. */
import { DEFAULT_LIMITS } from "../../src/limits.ts";
import { NegotiatorError } from "../../src/errors.ts";
import { NO_FIGURES } from "../../src/roles/daemon/link-figures.ts";
import { listenControl } from "../../src/roles/daemon/control-server.ts";
import type { GuestStatus } from "../../src/roles/host/status.ts";

/** Returns the answer to a call; an error of it is the failure of the call. */
export type FakeAnswer = (method: string, params: unknown) => unknown;

/** Listens at `path` as the daemon of `role`, until it is disposed. */
export function listenAsDaemon(
  role: "host" | "guest",
  path: string,
  answer: FakeAnswer,
): Promise<AsyncDisposable> {
  return listenControl(role, path, {
    limits: DEFAULT_LIMITS,
    serve: {
      call(call) {
        try {
          call.respond(answer(call.method, call.params));
        } catch (thrown) {
          call.fail(NegotiatorError.from(thrown));
        }
      },
      notice: () => undefined,
    },
  });
}

/** Returns the status of a guest whose agent answers, with these changes. */
export function statusOf(name: string, changes: Partial<GuestStatus> = {}): GuestStatus {
  return {
    name,
    uuid: null,
    state: "open",
    dialect: "native",
    version: "0.1.0",
    since: null,
    lastError: null,
    calls: { outgoing: 0, incoming: 0 },
    ...NO_FIGURES,
    ...changes,
  };
}
