/** Owns the tables of the house: who may import whom, who owns what, and the figures and words of form. */

/**
 * The zones, and which zones each may import. A file belongs to the first zone whose pattern fits its path.
 */
export const ZONES = [
  { name: "main", files: /^src\/main\.ts$/, may: ["root", "run", "roles", "guest", "host"] },
  { name: "root", files: /^src\/(?:strict\/)?[^/]+\.ts$/, may: ["root"] },
  { name: "trust", files: /^src\/trust\//, may: ["root", "trust"] },
  { name: "policy", files: /^src\/policy\//, may: ["root", "trust", "policy"] },
  { name: "config", files: /^src\/config\//, may: ["root", "trust", "policy", "config"] },
  { name: "audit", files: /^src\/audit\//, may: ["root", "trust", "policy", "config", "audit"] },
  {
    name: "process",
    files: /^src\/process\//,
    may: ["root", "trust", "policy", "config", "audit", "process"],
  },
  { name: "wire", files: /^src\/wire\//, may: ["errors", "limits", "shorten", "wire"] },
  { name: "channels", files: /^src\/channels\//, may: ["root", "trust", "process", "channels", "channel"] },
  { name: "discovery", files: /^src\/discovery\//, may: ["root", "trust", "process", "discovery"] },
  {
    name: "methods",
    files: /^src\/methods\//,
    may: ["root", "trust", "policy", "audit", "process", "wire", "methods"],
  },
  { name: "peers", files: /^src\/peers\//, may: ["root", "wire", "methods", "peers"] },
  { name: "guest", files: /^src\/roles\/guest\//, may: ["inner", "roles", "guest"] },
  { name: "host", files: /^src\/roles\/host\//, may: ["inner", "roles", "host"] },
  {
    name: "roles",
    files: /^src\/roles\/(?:(?:cli(?:\/manual)?|daemon|doctor|install)\/)?[^/]+\.ts$/,
    may: ["inner", "roles"],
  },
] as const;

/** Groups of files that the `may` lists name besides the zones. */
export const GROUPS: Record<string, RegExp> = {
  root: /^src\/(?!main\.ts$)(?:strict\/)?[^/]+\.ts$/,
  errors: /^src\/errors\.ts$/,
  limits: /^src\/limits\.ts$/,
  shorten: /^src\/shorten\.ts$/,
  channel: /^src\/wire\/channel\.ts$/,
  run: /^src\/process\/run\.ts$/,
  inner: /^src\/(?!main\.ts$|roles\/)(?:[^/]+\.ts$|[a-z]+\/)/,
};

const PURE_FILES = [
  "errors",
  "limits",
  "printable",
  "shorten",
  ...["problems", "strict", "toml", "utf8"].map((name) => `strict/${name}`),
  ...["caller", "glob", "glob-part", "glob-scan", "limited-log", "policy", "quota", "resource", "rule"].map(
    (name) => `policy/${name}`,
  ),
];

/** Files without I/O, clock, random numbers or log. Their callers pass such values in. */
export const PURE = new RegExp(`^src/(?:wire/.+|(?:${PURE_FILES.join("|")})\\.ts)$`);

/** The clock, random numbers and the world: no pure file uses them. */
export const PURE_BREAKERS = useOf(
  /Date\b|performance\s*\.|Math\s*\.\s*random|crypto\s*\./,
  /process\b|console\b|fetch\s*\(|Bun\s*\.\s*(?!hash\b)\w/,
);

const ANYONE = /^src\//;

/**
 * Modules from outside, and the files that may import each. Other modules are denied, and `node:` and `bun:`
 * in pure files.
 */
export const MODULES: Record<string, RegExp> = {
  citty: /^src\/roles\//,
  consola: /^src\/log\.ts$/,
  valibot: /^src\/(?:strict|policy|config|wire|methods|peers|roles)\//,
  "fast-xml-parser": /^src\/discovery\/libvirt\//,
  "smol-toml": /^src\/strict\/toml\.ts$/,
  "package.json": /^src\/version\.ts$/,
  "node:child_process": /^src\/process\//,
  "node:net": /^src\/channels\//,
  "node:worker_threads": /^src\/channels\//,
  "bun:ffi": /^src\/(?:process\/libc(?:-process|-machine|-polls|-socket)?|trust\/system-calls)\.ts$/,
  "node:tty": /^src\/roles\/cli\/streams\.ts$/,
  "node:timers": /^src\/(?:process|roles|peers)\//,
  "node:timers/promises": /^src\/(?:process|roles|peers)\//,
  "node:buffer": ANYONE,
  "node:crypto": ANYONE,
  "node:events": ANYONE,
  "node:fs": ANYONE,
  "node:fs/promises": ANYONE,
  "node:os": ANYONE,
  "node:path": ANYONE,
  "node:stream": ANYONE,
  "node:url": ANYONE,
  "node:util": ANYONE,
};

/** Files that are not source, and become part of the program as text, with the file that may import them. */
export const EMBEDDED = [
  { files: /^examples\//, importer: /^src\/roles\/install\/service-files\.ts$/ },
  { files: /^docs\/[A-Z-]+\.md$/, importer: /^src\/roles\/cli\/manual\/pages\.ts$/ },
  {
    files: /^src\/roles\/cli\/manual\/completion\.(?:bash|zsh|fish)$/,
    importer: /^src\/roles\/cli\/manual\/completion-script\.ts$/,
  },
] as const;

/** A pattern for any of the parts, where a name begins. */
function useOf(...parts: readonly RegExp[]): RegExp {
  return new RegExp(`(?<![\\w$.])(?:${parts.map(({ source }) => source).join("|")})`, "g");
}

/** Each resource has one owner. No other file may use it. */
export const OWNERS = [
  {
    resource: "argv and the exit code",
    use: useOf(/process\s*\??\.\s*(?:argv0?|execArgv|exit|exitCode|abort|reallyExit)\b/, /Bun\s*\.\s*argv\b/),
    owner: /^src\/(?:main|roles\/daemon\/last-end)\.ts$/,
    remedy: "take the words as an argument, return the exit code",
  },
  {
    resource: "the environment",
    use: /(?<![\w$.])(?:(?:process\s*\??|Bun|import\s*\.\s*meta)\s*\.\s*env\b)/g,
    owner: /^src\/config\//,
    remedy: "make it a setting in src/config/config.ts",
  },
  {
    resource: "stderr",
    use: /(?<![\w$.])(?:process\s*\??\.\s*stderr\b|Bun\s*\.\s*stderr\b|console\s*[.[])/g,
    owner: /^src\/standard-output\.ts$/,
    remedy: "log through logFor of src/log.ts, or throw a NegotiatorError",
  },
  {
    resource: "stdout",
    use: /(?<![\w$.])(?:process\s*\??\.\s*stdout\b|Bun\s*\.\s*stdout\b)/g,
    owner: /^src\/standard-output\.ts$/,
    remedy: "return the text to src/roles/cli, which writes with src/standard-output.ts",
  },
  {
    resource: "child processes",
    use: /(?<![\w$.])(?:Bun\s*\.\s*(?:spawn|spawnSync|\$)|process\s*\??\.\s*kill\b)/g,
    // A judgement while the configuration is read waits for a child, and rooms above it cannot help.
    owner: /^src\/(?:process\/|trust\/(?:late-answer|system-question)\.ts$)/,
    remedy: "start and signal processes through src/process/run.ts",
  },
  {
    resource: "network and device descriptors",
    use: /(?<![\w$.])(?:Bun\s*\.\s*(?:connect|listen|serve|udpSocket)\b|fetch\s*\(|new\s+WebSocket\b)/g,
    owner: /^src\/channels\//,
    remedy: "make it a Channel in src/channels",
  },
  {
    resource: "timers",
    use: useOf(
      /(?:setTimeout|setInterval|Bun\s*\.\s*sleep(?:Sync)?)\b/,
      /(?:AbortSignal\s*\.\s*timeout|Atomics\s*\.\s*wait)\b/,
    ),
    // A child that answers such a judgement has a deadline.
    owner: /^src\/(?:(?:process|roles|peers)\/|(?:standard-output|trust\/(?:late-answer|child-clock))\.ts$)/,
    remedy: "take an AbortSignal or the present time as an argument",
  },
  {
    // Under another name, the other patterns would not find the use.
    resource: "no file under another name",
    use: new RegExp(
      `[=(,]\\s*(?:process|Bun|globalThis|console)\\s*[;,)}]|` +
        useOf(/(?:process|Bun)\s*\[/, /globalThis\s*[.[]/).source,
      "g",
    ),
    owner: /^$/,
    remedy: "write process.member or Bun.member in full; call a child process `child`",
  },
] as const;

/** Functions of node:fs that return a descriptor, and the files that may use them. */
export const OPENERS =
  /^(?:\*|default|promises|open|openSync|createReadStream|createWriteStream|ReadStream|WriteStream)$/;
export const MAY_OPEN = new RegExp(
  "^src/(?:channels/|(?:audit/audit-(?:file|reader)|(?:standard|process/terminal)-output|trust/opened-file|" +
    "process/(?:mount-table|started-files|inherited-state|background|free[a-z-]+|machine-lock|trim-child)|" +
    "methods/kept/ring-file|methods/agent/open-file|" +
    "roles/host/fan-out/output-(?:directory|files)|roles/install/staged-files)\\.ts$)",
);

/** The most columns of a line, the most lines of a function, and the most comments in 100 lines. */
export const COLUMNS = 110;
export const FUNCTION_LINES = 100;
export const COMMENT_PERCENT = 5;

/** How many files may lie in a folder itself, without those in its subfolders. */
export const FOLDER_FILES: Readonly<Record<string, number>> = { "src/": 15, "src/roles/": 4 };

/** Sibling rooms with the same contract, whose exports may have the same names. */
export const SAME_NAME: readonly RegExp[] = [/^src\/roles\/(?:guest|host)\//];

/** Words that comments, messages and test titles do not use, and what they say instead. */
export const WORDS: readonly { use: RegExp; say: string }[] = [
  { use: /\banew\b/i, say: "again" },
  { use: /\bthereby\b/i, say: "who does what, in two sentences" },
  { use: /\bwho(?:m|so)?ever\b/i, say: "any peer, any caller, or who it is" },
  { use: /\b(?:nobody|somebody)\b/i, say: "who it is" },
  { use: /\bany ?more\b/i, say: "no longer" },
  { use: /\bas far as\b|\bthat which\b/i, say: "it without the detour" },
  { use: /\bof (?:its|their|his) own\b/i, say: "its own, or a separate one" },
  { use: /\bmakes? no sense\b|\bsenseless\b|\bnonsense\b|\bflaws?\b/i, say: "invalid, or the reason" },
  {
    use: /(?<!\b(?:there|that|it) )\b(?:is|are) no\b(?! (?:longer|more|other|such|one|limit|deadline))/i,
    say: "is not a",
  },
  { use: /\b(?:is|are|was|were|be|been) (?:told|heard)\b/i, say: "who does what" },
  { use: /\bcounted (?:frame|message)s?\b/i, say: "length-prefixed, or numbered" },
  { use: /\bfences?\b/i, say: "sync probe" },
  { use: /\b(?:lookout|outlook)s?\b/i, say: "watch" },
  { use: /\bbells?\b/i, say: "condition" },
  { use: /\b(?:tally|keeper)\b/i, say: "shared call count, link status" },
  { use: /\bcompanions?\b/i, say: "run alongside" },
  { use: /\bspeech\b/i, say: "dialect" },
  { use: /\bfate\b/i, say: "how it ended" },
  { use: /\bhastens?\b/i, say: "flush" },
  { use: /\bspliced?\b/i, say: "pipe" },
  { use: /\bunsayable\b/i, say: "unencodable" },
  { use: /\bpatience\b|\bimpatient\b/i, say: "timeout" },
  { use: /\bstrangers?\b|\bimpostors?\b/i, say: "unknown connection" },
  { use: /\bsuccessors?\b/i, say: "upgraded peer, or the next one" },
  { use: /^\s*(?:What|Who|Whose|Whom)\b(?![^.]*\?)/, say: "the subject first, not a relative clause" },
  { use: /^\s*(?:what|whose) /, say: "input and outcome" },
];
