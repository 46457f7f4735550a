/** A daemon's link with real commands, policy and audit, for a python-negotiator that calls it. */
import { chmod } from "node:fs/promises";
import { readAudit } from "../../support/audit-lines.ts";
import { createMemoryPair } from "../../support/memory-channel.ts";
import { createServices } from "../../../src/roles/daemon/services.ts";
import type { AnswerMemory } from "../../../src/peers/answer-memory.ts";
import { createListener } from "../listener.ts";
import { DEFAULTS } from "../../../src/config/settings.ts";
import type { Settings } from "../../../src/config/settings.ts";
import type { Limits } from "../../../src/limits.ts";
import type { Channel } from "../../../src/wire/channel.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { unsetConfig } from "../../support/unset-config.ts";

const SCRIPTS: Record<string, string> = {
  show: '#!/bin/sh\nfor word in "$@"; do echo "[$word]"; done\n',
  cat: "#!/bin/sh\nexec cat\n",
  fail: "#!/bin/sh\necho out\necho err >&2\nexit 3\n",
  die: "#!/bin/sh\nkill -9 $$\n",
  spew: "#!/bin/sh\nwhile :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done\n",
  guest: '#!/bin/sh\necho "$NEGOTIATOR_ROLE $NEGOTIATOR_GUEST"\n',
};

/** `channel` is the caller's end. */
export type ServedStage = AsyncDisposable & {
  channel: Channel;
  plant: (name: string, text: string, mode: number) => Promise<void>;
  audit: (least?: number) => Promise<Record<string, unknown>[]>;
};

const SMALL = { lengthPrefixedBytes: 256 * 1024, foreignAnswerBytes: 256 * 1024 };

/** `policy` is the policy file. `limits` are those that differ from the default ones. */
export type ServedStageOptions = {
  policy?: string;
  role?: "host" | "guest";
  limits?: Partial<Limits>;
  answerMemory?: AnswerMemory;
};

/** A host's daemon for the guest web1, or a guest's daemon. */
export async function createServedStage({
  policy,
  role = "host",
  limits: changed = SMALL,
  answerMemory,
}: ServedStageOptions = {}): Promise<ServedStage> {
  await using owned = new AsyncDisposableStack();
  const directory = owned.use(await createTemporaryDirectory());
  for (const [name, script] of Object.entries(SCRIPTS))
    await chmod(await directory.write(`commands/${name}`, script), 0o755);
  if (policy !== undefined) await directory.write("policy.toml", policy);
  const settings: Settings = {
    ...DEFAULTS,
    commandsDirectory: [directory.at("commands")],
    policyFile: directory.at("policy.toml"),
    audit: { ...DEFAULTS.audit, file: directory.at("audit.jsonl") },
  };
  const services = owned.use(createServices(role, unsetConfig(settings)));
  const limits = { ...services.limits, ...changed };
  const link = createListener(
    services.serve(role === "host" ? { via: "guest", name: "web1" } : { via: "host" }),
    limits,
    answerMemory,
  );
  const pair = createMemoryPair();
  pair.flow();
  const running = link.run(pair.ends[1], new AbortController().signal);
  owned.defer(async () => {
    await pair.ends[0].close();
    await running;
  });
  const stage = owned.move();
  return {
    channel: pair.ends[0],
    plant: async (name, text, mode) => chmod(await directory.write(`commands/${name}`, text), mode),
    audit: (least) => readAudit(directory.at("audit.jsonl"), least),
    [Symbol.asyncDispose]: () => stage.disposeAsync(),
  };
}
