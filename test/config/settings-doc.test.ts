/** What docs/SETTINGS.md says in its tables: every key, its real default, the values that are allowed, what a reload does. */
import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { formatAuditLine, formatLeftOut } from "../../src/audit/audit-line.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { loadConfig, settingAt, variableOf } from "../../src/config/config.ts";
import { NATIVE_PORTS as PORT_NAMES } from "../../src/peers/native.ts";
import { readNamedGuests } from "../../src/discovery/named.ts";
import { isFaultCode } from "../../src/errors.ts";
import { configureLog } from "../../src/log.ts";
import { readDescription } from "../../src/methods/describe.ts";
import { parsePolicy } from "../../src/policy/policy.ts";
import { runDaemon } from "../../src/roles/daemon/daemon.ts";
import { catchSignals } from "../../src/roles/daemon/life-signals.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import { errorOf, rejectionOf } from "../support/error-of.ts";
import { ROOT } from "../support/readme.ts";
import { runSource } from "../support/source-run.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const TEXT = await Bun.file(join(ROOT, "docs/SETTINGS.md")).text();
/** There, and empty: the machine's own settings are not looked at. */
const NO_FILE = "/dev/null";
const KEYS = [...loadConfig({ file: NO_FILE, environment: {} }).origins.keys()];

/** One row for each key of the config file; the values that are quoted in it are in `literals`. */
const ROWS = [...rowsOf("The config file"), ...rowsOf("Limits")].map(
  ([key, standard = "", values = "", reload = ""]) => {
    return {
      key: literalsOf(key).join(),
      standard,
      values,
      reload,
      literals: literalsOf(values).map(toValue),
    };
  },
);

describe("docs/SETTINGS.md has, of the config file,", () => {
  test("every key and no other, with its default", () => {
    expect(ROWS.map(({ key }) => key)).toEqual(KEYS);
    for (const { key, standard } of ROWS) {
      expect({ key, value: toValue(standard) }).toEqual({ key, value: settingAt(DEFAULTS, key) });
    }
  });

  test("the values that are allowed, and where they end", () => {
    for (const { key, values, literals } of ROWS) {
      for (const value of literals) expect(settingAt(setTo(key, value), key)).toBe(value);
      const refused: unknown[] = /absolute path|true|"/.test(values) ? ["other"] : [];
      const [least, most = Number.MAX_SAFE_INTEGER] = literals;
      if (typeof least === "number") {
        refused.push(least - 1, Number(most) + 1);
        if (values.includes("fractions")) setTo(key, least + 0.5);
        else refused.push(least + 0.5);
      }
      for (const value of refused) expect(() => setTo(key, value)).toThrow(key);
      const choice = `(${literals.map((value) => JSON.stringify(value)).join(" | ")})`;
      if (values.startsWith('`"')) expect(() => setTo(key, "other")).toThrow(choice);
    }
  });

  test("which keys a reload leaves as they were", async () => {
    const warned = new Set([...(await keysKeptBy("host")), ...(await keysKeptBy("guest"))]);
    expect(ROWS.filter(({ reload }) => reload === "no").map(({ key }) => key)).toEqual(
      KEYS.filter((key) => warned.has(key)),
    );
  });

  test("variables and options that there are", async () => {
    const variables = [...KEYS.map(variableOf), "NEGOTIATOR_CONFIG", "NEGOTIATOR_"];
    for (const [name] of TEXT.matchAll(/NEGOTIATOR_\w*/g)) expect(variables).toContain(name);
    const lines = ["host daemon", "host execute", "guest execute"];
    const helps = await Promise.all(lines.map((line) => runSource([...line.split(" "), "--help"])));
    const words = new Set(helps.flatMap(({ stdout }) => stdout.split(/[\s,]+/)));
    const options = firstColumnOf("How they are given").map((option) => option.split(" ")[0]);
    expect(options).toContain("--socket");
    expect(options.filter((option = "") => !words.has(option))).toEqual([]);
  });

  test("an example that is read as it looks", async () => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("negotiator.toml", blockOf("toml"));
    expect(loadConfig({ file, environment: {} }).settings).toMatchObject({
      timeoutSeconds: 30,
      host: { rescanSeconds: 60 },
      log: { level: "debug" },
      guests: [{ name: "web1", socket: "/run/vm/web1.sock" }],
    });
  });

  test("every key of a guest, the ports, and the one by default", async () => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("negotiator.toml", "[[guests]]\nstranger = 1\n");
    const error = errorOf(() => loadConfig({ file, environment: {} }));
    expect(firstColumnOf("Named guests")).toEqual(keysAllowedBy(error));
    const [, standard, ports] = rowsOf("Named guests").find(([key]) => key === "`port`") ?? [];
    const [endpoint] = readNamedGuests([{ name: "web1", socket: "/run/vm/web1.sock" }], {
      ports: new Set(Object.values(PORT_NAMES)),
      defaultPort: PORT_NAMES.hostToGuest,
    });
    expect(toValue(standard)).toBe(endpoint?.port);
    expect(literalsOf(ports).map(toValue)).toEqual(Object.values(PORT_NAMES));
  });
});

describe("docs/SETTINGS.md has", () => {
  test("every key beside a command", async () => {
    await using directory = await createTemporaryDirectory();
    await directory.write("command.toml", "stranger = 1\n");
    const error = await rejectionOf(readDescription(directory.at("command"), process.getuid?.() ?? 0));
    expect(firstColumnOf("Beside a command")).toEqual(keysAllowedBy(error));
  });

  test("every key of a rule, and which rules may have it", () => {
    const error = errorOf(() => parsePolicy('[[rules]]\nstranger = 1\naction = "allow"\n'));
    expect(firstColumnOf("A policy rule")).toEqual(keysAllowedBy(error));
    const text = 'user = "nobody"\ntimeoutSeconds = 1\nconcurrency = 1\nrate = "1/hour"\nreason = "none"\n';
    for (const [action, stranger] of [
      ["allow", "denies"],
      ["deny", "allows"],
    ]) {
      const { message } = errorOf(() => parsePolicy(`[[rules]]\naction = "${action}"\n${text}`));
      const misplaced = [...message.matchAll(/(\w+): has no meaning/g)].map(([, key]) => key);
      const told = rowsOf("A policy rule").filter(([, place]) => place === stranger);
      expect(told.flatMap(([key]) => literalsOf(key))).toEqual(misplaced.map(String));
    }
  });

  test("the values that a rule may have", () => {
    const literals = new Map(rowsOf("A policy rule").map(([key, , values]) => [key, literalsOf(values)]));
    for (const rate of literals.get("`rate`") ?? []) readRule("rate", rate);
    const [most = "none"] = literals.get("`timeoutSeconds`") ?? [];
    readRule("timeoutSeconds", most);
    for (const wrong of ["0", `${most}.5`])
      expect(() => readRule("timeoutSeconds", wrong)).toThrow("timeoutS");
    expect(() => readRule("concurrency", "0")).toThrow("concurrency");
  });

  test("real audit lines, every member that one can have, and codes that there are", () => {
    const lines = [
      formatAuditLine(EXECUTED, "2026-01-02T03:04:05.678Z", false),
      formatAuditLine(ASKED, "2026-01-02T03:04:05.680Z", false),
    ];
    expect(blockOf("json").trimEnd().split("\n")).toEqual(lines);
    const more = {
      args: ["x".repeat(5000)],
      builtin: true,
      reason: "none",
      errorCode: "BUSY",
      problem: "none",
    } as const;
    const leftOut = { role: "host", peer: {}, ran: false, leftOut: 1, sinceMs: 0 } as const;
    const whole = [formatAuditLine({ ...EXECUTED, ...more }, "", false), formatLeftOut(leftOut, "")];
    // What counts lost lines is made in src/audit/audit.ts, where nothing can be written.
    const members = new Set([...whole.flatMap(membersOf), "lostLines"]);
    expect(new Set(firstColumnOf("An audit line"))).toEqual(members);
    const [, codes] = rowsOf("An audit line").find(([key]) => key === "`errorCode`") ?? [];
    expect(literalsOf(codes).filter((word) => !isFaultCode(word))).toEqual(["exitCode"]);
  });
});

const EXECUTED: AuditEntry = {
  role: "guest",
  direction: "incoming",
  peer: {},
  callId: "7-1NaaXk8-ax1QNOyb-AeA",
  method: "execute",
  command: "check-process",
  args: ["nginx"],
  decision: "allowed",
  rule: 2,
  exitCode: 0,
  signal: null,
  timedOut: false,
  cancelled: false,
  bytes: { stdin: 0, stdout: 5, stderr: 0 },
  durationMs: 8,
};
const ASKED: AuditEntry = {
  ...EXECUTED,
  role: "host",
  direction: "outgoing",
  peer: { guest: "web1" },
  rule: "default",
  bytes: undefined,
  durationMs: 14,
};

/** The cells of each row of a section's tables, those below a heading left out. */
function rowsOf(heading: string): string[][] {
  const [, section = ""] = TEXT.split(`\n## ${heading}\n`);
  const [own = ""] = section.split("\n## ");
  const rows = own.split("\n").filter((line) => line.startsWith("| `"));
  if (rows.length === 0) throw new Error(`docs/SETTINGS.md has no table under "${heading}"`);
  return rows.map((row) => row.slice(2, -2).split(" | "));
}

function firstColumnOf(heading: string): string[] {
  return rowsOf(heading).flatMap(([cell]) => literalsOf(cell));
}

function blockOf(language: string): string {
  return new RegExp(`^\`\`\`${language}\n(.*?)^\`\`\`$`, "ms").exec(TEXT)?.[1] ?? "";
}

/** A rule that allows, with this key. */
function readRule(key: string, value: string): void {
  parsePolicy(`[[rules]]\naction = "allow"\n${key} = ${value}\n`);
}

/** What stands between backquotes. */
function literalsOf(cell = ""): string[] {
  return [...cell.matchAll(/`([^`]*)`/g)].map(([, literal = ""]) => literal);
}

/** A literal of TOML, with or without its backquotes. */
function toValue(literal = ""): unknown {
  const table = Object.entries(Bun.TOML.parse(`value = ${literal.replaceAll("`", "")}`));
  return table[0]?.[1];
}

/** The settings with this one given by its variable. */
function setTo(key: string, value: unknown): Settings {
  return loadConfig({ file: NO_FILE, environment: { [variableOf(key)]: String(value) } }).settings;
}

/** The keys of which a daemon says at SIGHUP that they wait for its next start, when all have other values. */
async function keysKeptBy(role: "host" | "guest"): Promise<string[]> {
  const config = loadConfig({ file: NO_FILE, environment: {} });
  const changes = ROWS.filter(({ key }) => key !== "guests").map(({ key, literals }) => {
    const value = settingAt(DEFAULTS, key);
    if (typeof value === "number") return [variableOf(key), String(value + 1)];
    const other = literals.find((literal) => literal !== value) ?? "/other";
    return [variableOf(key), typeof other === "string" ? other : JSON.stringify(other)];
  });
  const reload = () => loadConfig({ file: NO_FILE, environment: Object.fromEntries(changes) });
  configureLog(DEFAULTS.log);
  const { stderr } = await spyOnOutput(async () => {
    using signals = catchSignals();
    process.emit("SIGHUP", "SIGHUP");
    process.emit("SIGTERM", "SIGTERM");
    await runDaemon({
      role,
      signals,
      invocation: { config, reload },
      apply: () => undefined,
      openCalls: () => 0,
    });
  });
  return [...stderr.matchAll(/"([\w.]+)" takes effect when/g)].map(([, key = ""]) => key);
}

/** The keys that a complaint about an unknown one offers. */
function keysAllowedBy({ message }: Error): string[] {
  return /unknown key; allowed here: (.*)$/m.exec(message)?.[1]?.split(", ") ?? [];
}

function membersOf(line: string): string[] {
  const members: Record<string, unknown> = JSON.parse(line);
  return Object.keys(members);
}
