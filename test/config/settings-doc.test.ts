/** The tables of keys in the pages: every key, its default, the allowed values, and what a reload does. */
import { describe, expect, test } from "bun:test";
import { CommandCounts } from "../../src/audit/command-counts.ts";
import { formatAuditLine, formatLeftOut } from "../../src/audit/audit-line.ts";
import type { AuditEntry } from "../../src/audit/audit-line.ts";
import { loadConfig, settingAt, variableOf } from "../../src/config/config.ts";
import { readNamedGuests } from "../../src/discovery/named.ts";
import { isFaultCode } from "../../src/errors.ts";
import { configureLog } from "../../src/log.ts";
import { readDescription } from "../../src/methods/describe.ts";
import { DIALECTS } from "../../src/peers/dialects.ts";
import { parsePolicy } from "../../src/policy/policy.ts";
import { runDaemon } from "../../src/roles/daemon/daemon.ts";
import { catchSignals } from "../../src/roles/daemon/life-signals.ts";
import { DEFAULTS } from "../../src/config/settings.ts";
import type { Settings } from "../../src/config/settings.ts";
import { judgeNow } from "../../src/trust/path-trust.ts";
import { errorOf } from "../support/error-of.ts";
import { blocksOf, firstColumnOf, literalsOf, pageAt, rowsOf } from "../support/documents.ts";
import { runProgram } from "../support/program-run.ts";
import { spyOnOutput } from "../support/spied-output.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";

const SETTINGS = pageAt("docs/SETTINGS.md");
const COMMANDS = pageAt("docs/COMMANDS.md");
const POLICY = pageAt("docs/POLICY.md");
const AUDIT = pageAt("docs/AUDIT.md");
/** An empty file, so that the settings of this machine are not read. */
const NO_FILE = "/dev/null";
const KEYS = [...loadConfig({ file: NO_FILE, environment: {} }).origins.keys()];

/** One row for each key of the config file. The values in backquotes are in `literals`. */
const ROWS = [...rowsOf(SETTINGS, "The config file"), ...rowsOf(SETTINGS, "Limits")].map(
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

describe("docs/SETTINGS.md lists", () => {
  test("every key of the config file and no other, each with its default", () => {
    expect(ROWS.map(({ key }) => key)).toEqual(KEYS);
    for (const { key, standard } of ROWS) {
      expect({ key, value: toValue(standard) }).toEqual({ key, value: settingAt(DEFAULTS, key) });
    }
  });

  test("the allowed values of every key: each is accepted, and a value outside is refused", () => {
    for (const { key, values, literals } of ROWS) {
      for (const value of literals) expect(settingAt(setTo(key, value), key)).toBe(value);
      const refused: unknown[] = /absolute path|true|"/.test(values) ? ["other"] : [];
      const [least, most = Number.MAX_SAFE_INTEGER] = literals;
      if (typeof least === "number") {
        refused.push(least - 1, Number(most) + 1);
        if (values.includes("fractions")) setTo(key, least + 0.5);
        else refused.push(least + 0.5);
      }
      for (const value of refused) expect(() => setTo(key, value)).toThrow(variableOf(key));
      const choice = literals.map((value) => JSON.stringify(value)).join(literals.length > 2 ? ", " : " or ");
      if (values.startsWith('`"')) expect(() => setTo(key, "other")).toThrow(`${choice}; this is`);
    }
  });

  test("exactly the keys that a reload does not change as `no`", async () => {
    const warned = new Set([...(await keysKeptBy("host")), ...(await keysKeptBy("guest"))]);
    expect(ROWS.filter(({ reload }) => reload === "no").map(({ key }) => key)).toEqual(
      KEYS.filter((key) => warned.has(key)),
    );
  });

  test("only variables and options that exist", async () => {
    const variables = [...KEYS.map(variableOf), "NEGOTIATOR_CONFIG", "NEGOTIATOR_"];
    for (const [name] of SETTINGS.matchAll(/NEGOTIATOR_\w*/g)) expect(variables).toContain(name);
    const lines = ["host daemon", "host execute", "guest execute", "guest daemon"];
    const helps = await Promise.all(lines.map((line) => runProgram([...line.split(" "), "--help"])));
    const words = new Set(helps.flatMap(({ stdout }) => stdout.split(/[\s,]+/)));
    const options = firstColumnOf(SETTINGS, "How they are given").map((option) => option.split(" ")[0]);
    expect(options).toContain("--socket");
    expect(options.filter((option = "") => !words.has(option))).toEqual([]);
  });

  test("an example config that sets what it shows", async () => {
    await using directory = await createTemporaryDirectory();
    const [example = ""] = blocksOf(SETTINGS, "toml");
    const file = await directory.write("negotiator.toml", example);
    expect(loadConfig({ file, environment: {} }).settings).toMatchObject({
      connectTimeoutSeconds: 30,
      host: { rescanSeconds: 60 },
      log: { level: "debug" },
      guests: [{ name: "web1", socket: "/run/vm/web1.sock" }],
    });
  });

  test("every key of a named guest, every port, and the default port", async () => {
    await using directory = await createTemporaryDirectory();
    const file = await directory.write("negotiator.toml", "[[guests]]\nstranger = 1\n");
    const error = errorOf(() => loadConfig({ file, environment: {} }));
    expect(firstColumnOf(SETTINGS, "Named guests")).toEqual(keysAllowedBy(error));
    const [, standard, ports] = rowsOf(SETTINGS, "Named guests").find(([key]) => key === "`port`") ?? [];
    const [endpoint] = readNamedGuests([{ name: "web1", socket: "/run/vm/web1.sock" }], {
      ports: DIALECTS.portNames,
      defaultPort: DIALECTS.defaultPort,
    });
    expect(toValue(standard)).toBe(endpoint?.port);
    expect(literalsOf(ports).map(toValue)).toEqual([...DIALECTS.portNames]);
  });
});

describe("the pages list", () => {
  test("every key of a NAME.toml, in docs/COMMANDS.md", async () => {
    await using directory = await createTemporaryDirectory();
    await directory.write("command.toml", "stranger = 1\n");
    const path = directory.at("command");
    const error = errorOf(() => judgeNow((eyes) => readDescription(path, process.getuid?.() ?? 0, eyes)));
    expect(firstColumnOf(COMMANDS, "Beside a command")).toEqual(keysAllowedBy(error));
  });

  test("every key of a policy rule, and in which rules it is allowed, in docs/POLICY.md", () => {
    const error = errorOf(() => parsePolicy('[[rules]]\nstranger = 1\naction = "allow"\n'));
    expect(firstColumnOf(POLICY, "A policy rule")).toEqual(keysAllowedBy(error));
    const text =
      'user = "nobody"\ntimeoutSeconds = 1\nmemoryMaxBytes = 1048576\ntasksMax = 1\n' +
      'concurrency = 1\nrate = "1/hour"\nreason = "none"\n';
    for (const [action, stranger] of [
      ["allow", "denies"],
      ["deny", "allows"],
    ]) {
      const { message } = errorOf(() => parsePolicy(`[[rules]]\naction = "${action}"\n${text}`));
      const misplaced = [...message.matchAll(/(\w+): has no meaning/g)].map(([, key]) => key);
      const told = rowsOf(POLICY, "A policy rule").filter(([, place]) => place === stranger);
      expect(told.flatMap(([key]) => literalsOf(key))).toEqual(misplaced.map(String));
    }
  });

  test("the allowed values of a policy rule, in docs/POLICY.md", () => {
    const literals = new Map(
      rowsOf(POLICY, "A policy rule").map(([key, , values]) => [key, literalsOf(values)]),
    );
    for (const rate of literals.get("`rate`") ?? []) readRule("rate", rate);
    const [most = "none"] = literals.get("`timeoutSeconds`") ?? [];
    readRule("timeoutSeconds", most);
    for (const wrong of ["0", `${most}.5`])
      expect(() => readRule("timeoutSeconds", wrong)).toThrow("timeoutS");
    expect(() => readRule("concurrency", "0")).toThrow("concurrency");
    const [leastBytes = "none"] = literals.get("`memoryMaxBytes`") ?? [];
    readRule("memoryMaxBytes", leastBytes);
    expect(() => readRule("memoryMaxBytes", "1048575")).toThrow("memoryMaxBytes");
    const [leastTasks = "none", mostTasks = "none"] = literals.get("`tasksMax`") ?? [];
    for (const right of [leastTasks, mostTasks]) readRule("tasksMax", right);
    for (const wrong of ["0", "4194305"]) expect(() => readRule("tasksMax", wrong)).toThrow("tasksMax");
  });

  test("real audit lines, every member of one, and codes that exist, in docs/AUDIT.md", () => {
    const lines = [
      formatAuditLine(STARTED, "2026-01-02T03:04:05.670Z", false),
      formatAuditLine(EXECUTED, "2026-01-02T03:04:05.678Z", false),
      formatAuditLine(ASKED, "2026-01-02T03:04:05.680Z", false),
    ];
    expect(blocksOf(AUDIT, "json")[0]?.trimEnd().split("\n")).toEqual(lines);
    const more = {
      path: "/usr/bin/id",
      variables: ["LANG"],
      args: ["x".repeat(5000)],
      builtin: true,
      reason: "none",
      errorCode: "BUSY",
      problem: "none",
    } as const;
    const counts = new CommandCounts();
    for (let command = 0; command < 100; command++) counts.add(`${command}`);
    const caller = { role: "host", direction: "incoming", peer: {} } as const;
    const leftOut = { ...caller, ran: false, leftOut: 1, sinceMs: 0, counts };
    const whole = [formatAuditLine({ ...EXECUTED, ...more }, "", false), formatLeftOut(leftOut, "")];
    expect(membersOf(blocksOf(AUDIT, "json")[1] ?? "{}")).toEqual(membersOf(formatLeftOut(leftOut, "")));
    // Only a file that cannot be written makes a line with this member.
    const members = new Set([...whole.flatMap(membersOf), "lostLines"]);
    expect(
      new Set([...firstColumnOf(AUDIT, "An audit line"), ...firstColumnOf(AUDIT, "Missing lines")]),
    ).toEqual(members);
    const [, codes] = rowsOf(AUDIT, "An audit line").find(([key]) => key === "`errorCode`") ?? [];
    expect(literalsOf(codes).filter((word) => !isFaultCode(word))).toEqual(["exitCode"]);
  });
});

const EXECUTED: AuditEntry = {
  role: "guest",
  direction: "incoming",
  peer: {},
  callId: "7-1NaaXk8-ax1QNOyb-AeA",
  method: "execute",
  user: { uid: 1000, name: "alice", pid: 4711, program: "negotiator" },
  command: "check-process",
  args: ["nginx"],
  decision: "allowed",
  rule: 2,
  exitCode: 0,
  signal: null,
  endedBy: "command",
  bytes: { stdin: 0, stdout: 5, stderr: 0 },
  durationMs: 8,
};
const STARTED: AuditEntry = {
  ...EXECUTED,
  event: "start",
  exitCode: undefined,
  signal: undefined,
  endedBy: undefined,
  bytes: undefined,
  durationMs: undefined,
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

/** Parses an allowing rule with this key. */
function readRule(key: string, value: string): void {
  parsePolicy(`[[rules]]\naction = "allow"\n${key} = ${value}\n`);
}

/** The value of a TOML literal, with or without backquotes. */
function toValue(literal = ""): unknown {
  const table = Object.entries(Bun.TOML.parse(`value = ${literal.replaceAll("`", "")}`));
  return table[0]?.[1];
}

/** The settings if this key is set by its variable. */
function setTo(key: string, value: unknown): Settings {
  return loadConfig({ file: NO_FILE, environment: { [variableOf(key)]: String(value) } }).settings;
}

/** The keys that a reload does not apply: a daemon warns about them at SIGHUP if all values have changed. */
async function keysKeptBy(role: "host" | "guest"): Promise<string[]> {
  const config = loadConfig({ file: NO_FILE, environment: {} });
  const changes = ROWS.filter(({ key }) => key !== "guests").map(({ key, literals }) => {
    const value = settingAt(DEFAULTS, key);
    if (typeof value === "number") return [variableOf(key), String(value + 1)];
    if (Array.isArray(value)) return [variableOf(key), ""];
    const other = literals.find((literal) => literal !== value) ?? "/other";
    return [variableOf(key), typeof other === "string" ? other : JSON.stringify(other)];
  });
  const reload = () =>
    Promise.resolve(loadConfig({ file: NO_FILE, environment: Object.fromEntries(changes) }));
  configureLog(DEFAULTS.log);
  const { stderr } = await spyOnOutput(async () => {
    using signals = catchSignals();
    process.emit("SIGHUP", "SIGHUP");
    process.emit("SIGTERM", "SIGTERM");
    await runDaemon({
      role,
      signals,
      invocation: { config, reload },
      apply: () => Promise.resolve(undefined),
      openCalls: () => 0,
      refuseStarts: () => undefined,
    });
  });
  return [...stderr.matchAll(/"([\w.]+)" takes effect when/g)].map(([, key = ""]) => key);
}

/** The allowed keys that an error about an unknown key lists. */
function keysAllowedBy({ message }: Error): string[] {
  return /unknown key; allowed here: (.*)$/m.exec(message)?.[1]?.split(", ") ?? [];
}

function membersOf(line: string): string[] {
  const members: Record<string, unknown> = JSON.parse(line);
  return Object.keys(members);
}
