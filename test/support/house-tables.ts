/** The house's tables: who may import whom and who owns what. `house-rules.ts` holds the tree to them. */

/** Who may import which zone. A file belongs to the first zone whose pattern fits its path. */
export const ZONES = [
  { name: "main", files: /^src\/main\.ts$/, may: ["root", "process", "roles", "guest", "host"] },
  { name: "root", files: /^src\/[^/]+\.ts$/, may: ["root"] },
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
  { name: "roles", files: /^src\/roles\/(?:(?:cli|daemon)\/)?[^/]+\.ts$/, may: ["inner", "roles"] },
] as const;

/** Names for groups of files in the `may` lists, besides the zones themselves. */
export const GROUPS: Record<string, RegExp> = {
  root: /^src\/(?!main\.ts$)[^/]+\.ts$/,
  errors: /^src\/errors\.ts$/,
  limits: /^src\/limits\.ts$/,
  shorten: /^src\/shorten\.ts$/,
  channel: /^src\/wire\/channel\.ts$/,
  inner:
    /^src\/(?!main\.ts$)(?:[^/]+\.ts$|(?:trust|policy|config|audit|process|wire|channels|discovery|methods|peers)\/)/,
};

/** Files without I/O, clock, randomness or log: what they need comes in as arguments. */
export const PURE =
  /^src\/(?:wire\/.+|policy\/(?:glob|limited-log|policy|quota|rule)\.ts|(?:errors|limits|printable|shorten|strict)\.ts)$/;
export const PURE_BREAKERS =
  /(?<![\w$.])(?:Date\b|performance\s*\.|Math\s*\.\s*random|crypto\s*\.|process\b|console\b|fetch\s*\(|Bun\s*\.\s*(?!(?:TOML|hash)\b)\w)/g;

const ANYONE = /^src\//;

/** Modules from outside and who may import them; one that is not here is denied. Pure files get none of `node:`, `bun:`. */
export const MODULES: Record<string, RegExp> = {
  citty: /^src\/roles\//,
  consola: /^src\/log\.ts$/,
  valibot: /^src\/(?:strict\.ts$|(?:policy|config|wire|methods|peers|roles)\/)/,
  "fast-xml-parser": /^src\/discovery\/libvirt\//,
  "package.json": /^src\/version\.ts$/,
  "node:child_process": /^src\/process\//,
  "node:net": /^src\/channels\//,
  "node:worker_threads": /^src\/channels\//,
  "bun:ffi": /^src\/process\/libc\.ts$/,
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

/** One owner per resource: nobody else touches it. */
export const OWNERS = [
  {
    resource: "argv and the exit code",
    use: /(?<![\w$.])(?:process\s*\??\.\s*(?:argv0?|execArgv|exit|exitCode|abort|reallyExit)\b|Bun\s*\.\s*argv\b)/g,
    owner: /^src\/main\.ts$/,
    remedy: "take the words as an argument, return the exit code",
  },
  {
    resource: "the environment",
    use: /(?<![\w$.])(?:(?:process\s*\??|Bun|import\s*\.\s*meta)\s*\.\s*env\b)/g,
    owner: /^src\/config\//,
    remedy: "make it a setting in src/config/config.ts",
  },
  {
    resource: "TOML files",
    use: /(?<![\w$.])Bun\s*\.\s*TOML\b/g,
    owner: /^src\/strict\.ts$/,
    remedy: "let src/config/config.ts read the file and src/strict.ts check it",
  },
  {
    // main.ts has the last word when nothing else works, the log included.
    resource: "stderr",
    use: /(?<![\w$.])(?:process\s*\??\.\s*stderr\b|Bun\s*\.\s*stderr\b|console\s*[.[])/g,
    owner: /^src\/(?:(?:log|main)\.ts$|roles\/cli\/streams\.ts$)/,
    remedy: "talk through logFor of src/log.ts, or throw a NegotiatorError",
  },
  {
    resource: "stdout",
    use: /(?<![\w$.])(?:process\s*\??\.\s*stdout\b|Bun\s*\.\s*stdout\b)/g,
    owner: /^src\/(?:main\.ts$|roles\/cli\/)/,
    remedy: "return the text to src/roles/cli",
  },
  {
    resource: "child processes",
    use: /(?<![\w$.])(?:Bun\s*\.\s*(?:spawn|spawnSync|\$)|process\s*\??\.\s*kill\b)/g,
    owner: /^src\/process\//,
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
    use: /(?<![\w$.])(?:setTimeout|setInterval|Bun\s*\.\s*sleep(?:Sync)?|AbortSignal\s*\.\s*timeout|Atomics\s*\.\s*wait)\b/g,
    owner: /^src\/(?:process|roles|peers)\//,
    remedy: "take an AbortSignal or the present time as an argument",
  },
  {
    // Behind another name it could not be seen who uses what.
    resource: "nobody under another name",
    use: /(?:[=(,]\s*(?:process|Bun|globalThis|console)\s*[;,)}]|(?<![\w$.])(?:(?:process|Bun)\s*\[|globalThis\s*[.[]))/g,
    owner: /^$/,
    remedy: "write process.member or Bun.member in full; call a child process `child`",
  },
] as const;

/** Functions of node:fs that give a descriptor: for channels, the audit file, and files whose owner is looked at before they are read. */
export const OPENERS =
  /^(?:\*|default|promises|open|openSync|createReadStream|createWriteStream|ReadStream|WriteStream)$/;
export const MAY_OPEN = /^src\/(?:channels\/|audit\/audit-file\.ts$|trust\/trusted-file\.ts$)/;
