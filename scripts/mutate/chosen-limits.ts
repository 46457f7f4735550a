/** Chosen faults of limits: what one peer may cost. */
import type { Fault } from "./fault.ts";

/** These faults, in the order of the files. */
export const CHOSEN_LIMITS: readonly Fault[] = [
  {
    file: "src/policy/quota.ts",
    from: "concurrency !== undefined && account.running >= concurrency",
    to: "concurrency !== undefined && account.running > concurrency",
    why: "one call too many runs at once",
  },
  {
    file: "src/policy/quota.ts",
    from: "(atMs - bucket.atMs) * (rate",
    to: "Math.abs(nowMs - bucket.atMs) * (rate",
    why: "a clock that is set back gives calls for nothing",
  },
  {
    file: "src/policy/quota.ts",
    from: "if (!isHeld) return;",
    to: "",
    why: "disposing twice frees two calls",
  },
  {
    file: "src/policy/quota.ts",
    from: "if (account.bucket !== undefined) account.bucket.calls -= 1;",
    to: "",
    why: "a rate does not count",
  },
  {
    file: "src/audit/audit-limit.ts",
    from: "ASKED_A_MINUTE : CALLS_A_MINUTE",
    to: "ASKED_A_MINUTE : 2 * CALLS_A_MINUTE",
    why: "denied calls fill the audit twice as fast",
  },
  {
    file: "src/audit/audit-limit.ts",
    from: "share.bytes += bytes;",
    to: "",
    why: "one peer fills all files of the audit",
  },
  {
    file: "src/wire/calls/incoming-calls.ts",
    from: " || openCount >= OPEN_SHARE * openCalls",
    to: "",
    why: "calls whose output is not taken fill the memory",
  },
  {
    file: "src/wire/calls/incoming-calls.ts",
    from: "countStreams(request) > streamsPerCall",
    to: "countStreams(request) > 2 * streamsPerCall",
    why: "a call has more streams than its limit",
  },
  {
    file: "src/wire/calls/receive-window.ts",
    from: "if (end > limit) return violation",
    to: "if (end > 2 * limit) return violation",
    why: "a peer sends more than its credit",
  },
  {
    file: "src/wire/calls/receive-window.ts",
    from: "      pool.give(windowBytes - firstBytes);\n",
    to: "",
    why: "the common credit of a peer is used up for ever",
  },
  {
    file: "src/wire/calls/credit-pool.ts",
    from: "      left -= bytes;\n",
    to: "",
    why: "the common credit of a peer has no limit",
  },
  {
    file: "src/wire/calls/served-calls.ts",
    from: "bytes: limits.finishedBytes }",
    to: "bytes: Number.POSITIVE_INFINITY }",
    why: "kept answers fill the memory",
  },
  {
    file: "src/wire/session/inbox.ts",
    from: "if (outbox.controlCount > WAITING_CONTROLS)",
    to: "if (outbox.controlCount > 100 * WAITING_CONTROLS)",
    why: "answers that are not read fill the memory",
  },
  {
    file: "src/wire/session/inbox.ts",
    from: "if (isAllowed(bytes)) controlQueue.answerPing();",
    to: "controlQueue.answerPing();",
    why: "pings without end cost the other guests",
  },
  {
    file: "src/wire/session/allowance.ts",
    from: "left -= bytes + MESSAGE_BYTES;",
    to: "left -= bytes;",
    why: "short messages without end cost the other guests",
  },
  {
    file: "src/wire/session/invalid-input.ts",
    from: "if (++count <= limit) return onInvalid(error);",
    to: "if (++count > 0) return onInvalid(error);",
    why: "a peer that sends only invalid messages is never cut off",
  },
  {
    file: "src/wire/json.ts",
    from: "if (depth === MESSAGE_DEPTH) return",
    to: "if (depth === 10 * MESSAGE_DEPTH) return",
    why: "a deep message is taken",
  },
  {
    file: "src/wire/frames/collector.ts",
    from: "if (total > limitBytes) free();\n      else if (!gaveWay) reserve(total);",
    to: "if (!gaveWay) reserve(total);",
    why: "a frame beyond its limit keeps its memory",
  },
  {
    file: "src/methods/list-commands.ts",
    from: "{ calls: 1, perMs: 24 * 3_600_000 }",
    to: "{ calls: 100, perMs: 1000 }",
    why: "each list logs each unsafe command",
  },
  {
    file: "src/peers/queued/queued-server.ts",
    from: "    line.memory?.give(waitingBytes);\n    waitingBytes = 0;",
    to: "    line.memory?.give(waitingBytes);",
    why: "an old host's dropped requests keep its next ones out",
  },
  {
    file: "src/peers/queued/queued-server.ts",
    from: "queue.length >= WAITING_REQUESTS",
    to: "queue.length >= 10 * WAITING_REQUESTS",
    why: "waiting requests fill the memory",
  },
  {
    file: "src/roles/daemon/control-server.ts",
    from: 'if (state !== "open") idleTimer = setTimeout(abort, idleMs);',
    to: "",
    why: "connections without a session stay for ever",
  },
  {
    file: "src/roles/daemon/control-server.ts",
    from: "onCall: (incoming) => call({ ...incoming, caller }),",
    to: "onCall: (incoming) => call(incoming),",
    why: "a local user calls under another name",
  },
  {
    file: "src/roles/host/peer-timeout.ts",
    from: "if (!wasTimedOut && goneMs >= afterMs) onTimeout();",
    to: "",
    why: "commands of a guest that is gone run for ever",
  },
  {
    file: "src/roles/daemon/link-status.ts",
    from: 'lastError.split("\\n").map(printable).join("\\n  ")',
    to: "lastError",
    why: "a guest's error controls the terminal that shows status",
  },
];
