/** Rules that deny: which calls they fit, in which forms. */
import { describe, expect, test } from "bun:test";
import type { PolicyRequest } from "../../src/policy/rule-match.ts";
import { call, denies } from "../support/policy-requests.ts";

describe("a rule that denies", () => {
  test.each<[key: string, pattern: string, fitting: string[], others: string[]]>([
    ["commands", "wipe-*", ["wipe-disk", "WIPE-DISK", "wipe-a/b", "Wipe-"], ["wipe", "rewipe-disk"]],
    ["commands", "a?c", ["abc", "A/C", "aßc", "a😀c"], ["ac", "abbc"]],
    ["commands", "kill", ["kill", "\u212aill", "KILL"], ["kil"]],
    ["commands", "reset", ["reſet", "RESET"], ["rezet"]],
    ["commands", "straße", ["STRASSE", "strasse", "STRAẞE"], ["strase"]],
    ["commands", "ΟΔΟΣ", ["οδος", "οδοσ", "ΟΔΟς"], ["οδο"]],
    ["commands", "init", ["İNIT", "ınıt", "INIT"], ["nit"]],
    ["commands", "i\u0307nit", ["i\u0307nit", "İNIT", "İnit", "init"], ["nit", "\u0307nit"]],
    ["commands", "straße-i\u0307", ["STRASSE-i\u0307", "strasse-İ"], ["strasse-"]],
    ["commands", "*\u0307", ["wipe-i\u0307", "wipe-İ", "n\u0307"], ["wipe-i", "wipe"]],
    ["commands", "i?nit", ["i\u0307nit", "İNIT"], ["init"]],
    ["commands", "a\\\\*b", ["a*b", "A*B"], ["axb"]],
    ["guests", "db*", ["db1", "DB/1", "Db"], ["xdb"]],
  ])("%s = [%j] fits any case, and its wildcards take slashes", (key, pattern, fitting, others) => {
    const body = `${key} = ["${pattern}"]`;
    const request = (name: string) => (key === "guests" ? call("x", [], name) : call(name));
    expect(fitting.filter((name) => !denies(body, request(name)))).toEqual([]);
    expect(others.filter((name) => denies(body, request(name)))).toEqual([]);
  });

  test("methods fit any case", () => {
    const info: PolicyRequest = { caller: { via: "host" }, method: "info", resource: { kind: "none" } };
    expect(denies('methods = ["INF*"]', info)).toBe(true);
  });

  test.each<[patterns: string, fitting: string[][], others: string[][]]>([
    ["[]", [[]], [[""], ["a"]]],
    ["['...']", [[], ["a"], ["-a", "b"]], []],
    ["['stop']", [["stop"], ["-q", "STOP"], ["stop=now"], ["a", "stop", "b"]], [[], ["stopp"], ["a=stop"]]],
    ["['stop', '...']", [["stop"], ["x", "stop", "y"]], [[], ["sto"]]],
    [
      "['-f', '/etc/*']",
      [
        ["/etc/a/b", "x", "-F"],
        ["-f", "/ETC/passwd"],
      ],
      [["-f"], ["/etc/x"], ["-fx", "/etc/x"]],
    ],
    ["['--force']", [["--force"], ["--force=yes"], ["--FORCE=1"]], [["--forced"], ["x--force"]]],
    ["['*secret*']", [["a/SECRET/b"], ["--x=secret"]], [["secre"]]],
    [
      "['a*b*c']",
      [["xx", "aXXb/c"], ["abc=1"]],
      [
        ["ab", "c"],
        ["a", "b", "c"],
        ["xabc", "abcx"],
      ],
    ],
    ["['?']", [["ab", "/"], ["ß"], ["x=abc"]], [["ab"], [""], []]],
    ["['a?']", [["Aß"], ["a/"]], [["a"], ["abc"]]],
    ["['']", [[""], ["x", ""], ["=x"]], [["a"], []]],
    ["['*']", [["a"], [""]], [[]]],
  ])("arguments = %s fits if each pattern fits some argument", (patterns, fitting, others) => {
    const body = `arguments = ${patterns}`;
    expect(fitting.filter((args) => !denies(body, call("x", args)))).toEqual([]);
    expect(others.filter((args) => denies(body, call("x", args)))).toEqual([]);
  });

  test("arguments fit no call without a command", () => {
    const list: PolicyRequest = { caller: { via: "host" }, method: "info", resource: { kind: "none" } };
    expect(denies("arguments = ['...']", list)).toBe(false);
  });

  test("random loose patterns fit like a plain search", () => {
    const letters = ["a", "B", "/", "*", "?", "ß"];
    let seed = 7;
    const draw = (most: number): number => (seed = (seed * 48_271) % 2_147_483_647) % most;
    const text = (length: number, set: readonly string[]): string =>
      Array.from({ length }, () => set[draw(set.length)]).join("");
    for (let round = 0; round < 3000; round++) {
      const pattern = text(draw(6), letters);
      const args = Array.from({ length: draw(3) }, () => text(draw(6), ["a", "b", "/", "S", "ß", "="]));
      const expected = args.some(
        (arg) => isLooseFit(pattern, arg) || isLooseFit(pattern, arg.split("=")[0] ?? ""),
      );
      const found = denies(`arguments = [${JSON.stringify(pattern)}]`, call("x", args));
      expect({ pattern, args, found }).toEqual({ pattern, args, found: expected });
    }
  });
});

/** With "?" for one character of the text as it is, or of the text with ss for ß. */
function isLooseFit(pattern: string, text: string): boolean {
  const body = pattern.replaceAll("*", "[^]*").replaceAll("?", "[^]");
  return (
    new RegExp(`^${body.toLowerCase()}$`, "u").test(text.toLowerCase()) ||
    new RegExp(`^${fold(body)}$`, "u").test(fold(text))
  );
}

function fold(text: string): string {
  return text.toLowerCase().replaceAll("ß", "ss");
}
