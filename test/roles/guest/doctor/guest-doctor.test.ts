/** How the checks of a guest judge its port, its host and its freeze hook. */
import { describe, expect, test } from "bun:test";
import { NegotiatorError } from "../../../../src/errors.ts";
import { CHECK_FREEZE_HOOK } from "../../../../src/roles/guest/doctor/check-freeze-hook.ts";
import { CHECK_HOST_LINK } from "../../../../src/roles/guest/doctor/check-host-link.ts";
import { CHECK_PORT } from "../../../../src/roles/guest/doctor/check-port.ts";

const ROOT = { role: "guest", isRoot: true } as const;
const USER = { role: "guest", isRoot: false } as const;

/** Judges a port that is missing. */
const missing = (message: string, similar: string[] = []) =>
  CHECK_PORT.judge(
    {
      kind: "missing",
      error: new NegotiatorError("NO_CHANNEL", message, { remedy: "Add it" }),
      similar,
    },
    ROOT,
  )[0];

describe("the port", () => {
  const HOLDER = { pid: 7, command: "socat" };
  const FOUND = { kind: "found", name: "p", device: "/dev/p", holders: [HOLDER], ours: [] } as const;

  test("another process that has it open is a problem, and is stopped as a process or as a unit", () => {
    const unit = "a.service";
    const found = CHECK_PORT.judge({ ...FOUND, holders: [HOLDER, { ...HOLDER, pid: 8, unit }] }, ROOT);
    expect(found).toMatchObject([
      { level: "problem", text: expect.stringContaining("process 7 (socat)"), remedy: "Stop it: kill 7" },
      { level: "problem", remedy: "Stop it: systemctl stop a.service" },
    ]);
  });

  test("only other processes are named beside our daemon", () => {
    const found = CHECK_PORT.judge({ ...FOUND, holders: [HOLDER, { ...HOLDER, pid: 8 }], ours: [7] }, ROOT);
    expect(found).toMatchObject([{ text: expect.stringContaining("process 8") }]);
  });

  test("a port that the daemon holds, and a free one, is fine; only root sees that it is free", () => {
    const textOf = (given: object, as: typeof ROOT | typeof USER) =>
      CHECK_PORT.judge({ ...FOUND, ...given }, as);
    expect(textOf({ ours: [7] }, ROOT)).toEqual([
      { level: "ok", text: "p (/dev/p): the daemon has it open" },
    ]);
    expect(textOf({ holders: [] }, ROOT)[0]?.text).toEndWith("no process has it open");
    expect(textOf({ holders: [] }, USER)[0]?.text).toEndWith("it is there");
  });

  test("a setting that names no port is a problem with the setting's origin", () => {
    const unfit = { kind: "unfit", device: "/dev/null", what: "it is odd", origin: "/c.toml" } as const;
    expect(CHECK_PORT.judge(unfit, ROOT)).toMatchObject([
      {
        level: "problem",
        text: "Cannot use /dev/null, which guest.characterDevice names (/c.toml): it is odd",
      },
    ]);
  });

  test("a missing port has a guess at a mistyped name, or loads the driver, or neither", () => {
    expect(missing("It is missing", ["org.q"])).toEqual({
      level: "problem",
      text: "It is missing; its name may be mistyped",
      remedy: `On the host, replace "org.q" in the guest's XML: virsh edit GUEST\nAdd it`,
    });
    expect(missing("The driver is not loaded")?.fix).toEqual(["modprobe", "virtio_console"]);
    expect(missing("It is missing")).toEqual({ level: "problem", text: "It is missing", remedy: "Add it" });
  });

  test("a refusal is unknown without root, and a missing device node is made by udev", () => {
    const judge = (code: "DENIED" | "NO_CHANNEL", message: string, as: typeof ROOT | typeof USER) =>
      CHECK_PORT.judge(
        { kind: "refused", error: new NegotiatorError(code, message), device: "/dev/p" },
        as,
      )[0];
    expect(judge("DENIED", "No right", USER)?.level).toBe("unknown");
    expect(judge("DENIED", "No right", ROOT)).toEqual({ level: "problem", text: "No right" });
    expect(judge("NO_CHANNEL", "No device node", USER)).toMatchObject({
      level: "problem",
      fix: ["udevadm", "trigger", "--settle"],
    });
  });
});

describe("the host", () => {
  const LINK = { state: "waiting", lastError: null, sinceSeconds: 1 } as const;
  const judge = (given: object) =>
    // The judgement uses the state and the last error.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    CHECK_HOST_LINK.judge({ link: { ...LINK, ...given } as never, peer: undefined }, ROOT);

  test("without a daemon nothing is found", () => {
    expect(CHECK_HOST_LINK.judge({ link: undefined, peer: undefined }, ROOT)).toEqual([]);
  });

  test("a daemon that waits says why, with the remedy of its error or a look on the host", () => {
    const onHost = "Look on the host, with the guest's name: negotiator host doctor GUEST";
    expect(judge({})).toEqual([
      { level: "problem", text: "no host daemon has connected to this guest yet", remedy: onHost },
    ]);
    expect(judge({ lastError: "Port busy" })).toEqual([
      { level: "problem", text: "the daemon waits: Port busy", remedy: onHost },
    ]);
    expect(judge({ lastError: "Port busy\nStop\nLook" })[0]?.remedy).toBe("Stop\nLook");
  });

  test("a host that answered before is a problem, and one with an old program a warning", () => {
    expect(judge({ state: "unresponsive" })).toMatchObject([
      { level: "problem", text: expect.stringContaining("answered before") },
    ]);
    expect(judge({ state: "legacy" })).toMatchObject([
      { level: "warning", text: expect.stringContaining("(legacy)") },
    ]);
  });
});

describe("the freeze hook", () => {
  const PLACE = { mode: 0o100_755, fault: undefined, fileFault: undefined };
  const judge = (given: object, more: object = {}) => {
    // The judgement uses these members of the place.
    // oxlint-disable-next-line typescript/no-unsafe-type-assertion
    const place = { ...PLACE, ...given } as never;
    return CHECK_FREEZE_HOOK.judge({ hook: "/h", broken: undefined, ...more, place }, ROOT);
  };
  const fault = { problem: "others may write", remedy: "chmod" };

  test("a hook that is not there, or not used, gives no finding", () => {
    expect(judge({ mode: undefined, fault })).toEqual([]);
    expect(CHECK_FREEZE_HOOK.judge({ hook: "/h", place: undefined, broken: undefined }, ROOT)).toEqual([]);
  });

  test("a hook that can be called is named", () => {
    expect(judge({})).toEqual([{ level: "ok", text: "freezes call /h" }]);
    expect(judge({ mode: 0o100_001 })[0]?.level).toBe("ok");
  });

  test("a way or a file that others could change makes freezes fail", () => {
    for (const given of [{ fault }, { fileFault: fault }])
      expect(judge(given)).toEqual([
        {
          level: "problem",
          text: "freezes fail: the hook /h cannot be used: others may write",
          remedy: "chmod",
        },
      ]);
  });

  test("a hook without its executable bit is not called; one that does not start makes freezes fail", () => {
    const broken = { path: "/h", problem: "it is empty", remedy: "rm" };
    expect(judge({ mode: 0o100_644 }, { broken })[0]).toMatchObject({ level: "warning" });
    expect(judge({}, { broken })[0]).toEqual({
      level: "problem",
      text: "freezes fail: the hook /h does not start: it is empty",
      remedy: "rm",
    });
  });
});
