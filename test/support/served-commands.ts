/** Serves the commands of a directory to a guest, in memory. */
import { chmod } from "node:fs/promises";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import type { CommandCatalogue } from "../../src/methods/catalogue.ts";
import { createDispatcher } from "../../src/methods/dispatcher.ts";
import { createExecute } from "../../src/methods/execute.ts";
import { DEFAULT_POLICY } from "../../src/policy/policy.ts";
import type { Policy } from "../../src/policy/policy.ts";
import { createQuota } from "../../src/policy/quota.ts";
import { createUserCache } from "../../src/process/user-cache.ts";
import type { CallOptions } from "../../src/wire/calls/outgoing-call.ts";
import type { StreamReader } from "../../src/wire/calls/stream-reader.ts";
import { keepEntries } from "./audit-sample.ts";
import { createTestCatalogue } from "./catalogue.ts";
import { NOT_KEPT } from "./not-kept.ts";
import { createServedLink } from "./served-link.ts";
import type { TemporaryDirectory } from "./temporary-directory.ts";

/** The guest that calls. */
export const CALLER = { via: "guest", name: "web1", uuid: "00000000-0000-4000-8000-000000000001" } as const;

/** Resolves with the whole text of a stream. */
export async function readAll(reader: StreamReader): Promise<string> {
  return Buffer.concat(await Array.fromAsync(reader)).toString();
}

/**
 * Serves the commands of a directory to one guest; `lines` are the entries of the audit. Every look for a
 * command waits for `beforeFind`.
 */
export function serve(
  directory: TemporaryDirectory,
  policy: Policy = DEFAULT_POLICY,
  now = () => performance.now(),
  beforeFind: () => Promise<unknown> = () => Promise.resolve(),
) {
  const builtin = { name: "built", description: "built in", run: () => "inside\n" };
  const sources = () => ({
    directories: [directory.path],
    builtins: [builtin],
    uid: process.getuid?.() ?? 0,
  });
  const catalogue = createTestCatalogue(sources);
  const commands: CommandCatalogue = {
    ...catalogue,
    async find(...given) {
      await beforeFind();
      return catalogue.find(...given);
    },
  };
  const users = createUserCache();
  const lines: AuditEntry[] = [];
  const link = createServedLink(
    createDispatcher({
      role: "host",
      direction: "incoming",
      caller: CALLER,
      methods: [
        createExecute({
          role: "host",
          commands,
          users,
          openCalls: 2,
          ...NOT_KEPT,
        }),
      ],
      policy: () => policy,
      quota: createQuota(),
      audit: keepEntries((entry) => void lines.push(entry)),
      now,
    }).call,
  );
  const execute = (command: string, args: string[] = [], changes: Partial<CallOptions> = {}) =>
    link.caller.call({
      method: "execute",
      params: { command, args },
      read: ["stdout", "stderr"],
      ...changes,
    });
  return { link, lines, execute };
}

/** Plants a script, and its settings if `toml` has some. */
export async function plant(
  directory: TemporaryDirectory,
  name: string,
  script: string,
  toml?: string,
): Promise<void> {
  await chmod(await directory.write(name, `#!/bin/sh\n${script}\n`), 0o755);
  if (toml !== undefined) await directory.write(`${name}.toml`, toml);
}
