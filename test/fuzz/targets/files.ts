/** Fuzz targets of files: TOML, the config, the policy, and texts of the kernel and of the distribution. */
import { SettingsSchema } from "../../../src/config/settings.ts";
import { splitEnvironment } from "../../../src/config/runtime-variables.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { commentIn } from "../../../src/methods/describe.ts";
import { parseDistribution } from "../../../src/methods/builtin/distribution.ts";
import { parseGlob } from "../../../src/policy/glob.ts";
import { parseLooseGlob } from "../../../src/policy/loose-glob.ts";
import { decide, explain, parsePolicy } from "../../../src/policy/policy.ts";
import { parseStrictToml } from "../../../src/strict/strict.ts";
import { parseToml } from "../../../src/strict/toml.ts";
import { parseNfs4List, parsePosixList } from "../../../src/trust/access-lists.ts";
import { readMounts } from "../../../src/trust/mounts.ts";
import type { FuzzRound, FuzzTarget } from "../fuzz-target.ts";
import { makeBytes, makeText, toCorpus } from "../mutation.ts";
import { refusesWith } from "./refusals.ts";

const POLICIES = toCorpus([
  '[[rules]]\naction = "allow"\n',
  '[[rules]]\naction = "deny"\ncommands = ["wipe-*"]\narguments = ["--force", "*"]\n',
  '[[rules]]\naction = "allow"\nguests = ["web?"]\nusers = ["alice"]\nmethods = ["execute"]\n',
  '[[rules]]\naction = "allow"\ngroups = ["wheel"]\n',
  '[[rules]]\naction = "allow"\nmaxConcurrent = 2\nmaxPerMinute = 5\ntimeoutSeconds = 1.5\nuser = "nobody"\n',
]);
const CONFIGS = toCorpus([
  'connectTimeoutSeconds = 30\nhost.rescanSeconds = 60\n[log]\nlevel = "debug"\n',
  '[[guests]]\nname = "web1"\nsocket = "/run/vm/web1.sock"\nport = "negotiator-channel.0"\nuser = "qemu"\n',
  "[limits]\nlineBytes = 131072\nopenCalls = 1\n# comment\n[audit]\nkeep = 0x10\nredactArguments = true\n",
  "a = 1979-05-27T07:32:00Z\nb = [1, [2, 3], {c = '''x\ny'''}]\n\"d.e\".f = \"\\u00e9\\U0001F600\"\n",
  'builtIns = []\ncommandNames = ["*.exe"]\ncommandsDirectory = [\'/a\', "/b"]\n',
]);
const MOUNTS = toCorpus([
  "22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n28 1 254:1 / / rw - ext4 /dev/vda1 rw,discard\n",
  "30 28 0:27 / /run/a\\040b rw - tmpfs tmpfs rw,size=1k\n31 28 0:28 / /mnt rw - fuse.x u: rw\n",
]);
const RELEASES = toCorpus([
  'NAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION_CODENAME=bookworm\nID=debian\n',
  "DISTRIB_ID=Ubuntu\nDISTRIB_RELEASE=22.04\nDISTRIB_CODENAME='jammy'\n",
]);
const LISTS = [
  Uint8Array.of(
    2,
    0,
    0,
    0,
    1,
    0,
    6,
    0,
    255,
    255,
    255,
    255,
    2,
    0,
    6,
    0,
    232,
    3,
    0,
    0,
    16,
    0,
    7,
    0,
    0,
    0,
    0,
    0,
  ),
  Uint8Array.of(0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 6, 79, 87, 78, 69, 82, 64, 0, 0),
];
const SCRIPTS = toCorpus([
  "#!/bin/sh\n# negotiator: says hello\necho hello\n",
  "#!/usr/bin/env -S bun run\n",
]);
const ENVIRONMENTS = toCorpus(["PATH=/bin\0BUN_OPTIONS=--smol\0LANG=C\0=x\0A\0"]);
const PATTERNS = toCorpus(["web*", "a?c", "\\*x", "**?*\\", "/srv/*/data", "ß?İ*"]);
const CHARACTERS = ["a", "A", "/", "*", "?", "\\", "ß", "İ", "\0", "\ud83d\ude00"];

/** The targets by name. */
export const FILE_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  toml: {
    what: "TOML is read, or refused with BAD_CONFIG and one line that says why",
    start: (): FuzzRound => (random) => {
      const text = makeText([...CONFIGS, ...POLICIES], random);
      refusesWith(["BAD_CONFIG"], () => parseToml(text, "the file"));
    },
  },
  config: {
    what: "a config is read, or refused with BAD_CONFIG",
    start: (): FuzzRound => (random) => {
      const text = makeText(CONFIGS, random);
      refusesWith(["BAD_CONFIG"], () => parseStrictToml(SettingsSchema, text, "the config"));
    },
  },
  policy: {
    what: "a policy is read and decides, or is refused with BAD_CONFIG",
    start: (): FuzzRound => (random) => {
      const policy = refusesWith(["BAD_CONFIG"], () => parsePolicy(makeText(POLICIES, random)));
      if (policy === undefined) return;
      const resource = { kind: "command", name: "wipe-disk", args: ["--force", "x"] } as const;
      const request = { caller: { via: "guest", name: "web1" }, method: "execute", resource } as const;
      decide(policy, request);
      explain(policy, request);
    },
  },
  patterns: {
    what: "both kinds of patterns compare any text, and a text without wildcards matches itself",
    start: (): FuzzRound => (random) => {
      const source = makeText(PATTERNS, random);
      const text = Array.from({ length: random.below(40) }, () => random.pick(CHARACTERS)).join("");
      const literal = text.replace(/[*?\\]/g, "\\$&");
      for (const parse of [parseGlob, parseLooseGlob]) {
        const pattern = refusesWith(["BAD_CONFIG"], () => parse(source));
        pattern?.matches(text);
        pattern?.matches("a".repeat(300));
        if (!parse(literal).matches(text)) throw new Error(`${JSON.stringify(text)} does not match itself`);
      }
    },
  },
  system: {
    what: "texts and lists of the kernel and the distribution are read, or passed over",
    start: (): FuzzRound => (random) => {
      readMounts(makeText(MOUNTS, random)).find("/run/a b/c");
      const list = makeBytes(LISTS, random);
      parsePosixList(list, 5);
      parseNfs4List(list, 5);
      refusesWith(["UNSUPPORTED", "INTERNAL"], () =>
        parseDistribution(makeText(RELEASES, random), makeText(RELEASES, random)),
      );
      commentIn(makeBytes(SCRIPTS, random));
      const bytes = makeBytes(ENVIRONMENTS, random);
      const { kept, removed } = splitEnvironment(bytes);
      if (kept.length + removed.length > bytes.length) throw new NegotiatorError("INTERNAL", "too many");
    },
  },
};
