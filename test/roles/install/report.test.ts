/** The lines of an installation, and its JSON. */
import { describe, expect, test } from "bun:test";
import { createReport } from "../../../src/roles/install/report.ts";
import type { Report, ReportForm } from "../../../src/roles/install/report.ts";
import type { ShownPlace } from "../../../src/roles/install/mounted-image.ts";
import { spyOnOutput } from "../../support/spied-output.ts";

const STEP = { did: "made", what: "/etc/unit", why: "the service", command: "install a\nchmod b" };
const PAGE = { did: "made", what: "/man/1", why: "for man", command: "cp", oneOf: "manual pages" };

async function show(form: ReportForm, work: (report: Report) => Promise<unknown>, image?: ShownPlace) {
  return (await spyOnOutput(() => work(createReport(form, image)))).stdout;
}

describe("for people", () => {
  test("a step is a line with its reason, and a step without a reason has none", async () => {
    const shown = await show("text", async (report) => {
      await report.step(STEP);
      await report.step({ ...STEP, did: "ran", what: "x", why: "" });
      await report.note("a note");
      return report.end("done", { facts: 1 });
    });
    expect(shown).toBe("made      /etc/unit  (the service)\nran       x\na note\ndone\n");
  });

  test("steps of one kind are counted, and their line comes before the next one", async () => {
    const shown = await show("text", async (report) => {
      await report.step(PAGE);
      await report.step({ ...PAGE, what: "/man/2" });
      await report.step({ ...PAGE, why: "for the shell" });
      await report.step(STEP);
      await report.step(PAGE);
      await report.note("a note");
      await report.step(PAGE);
      return report.end("done", {});
    });
    expect(shown).toBe(
      [
        "made      2 manual pages  (for man)",
        "made      1 manual pages  (for the shell)",
        "made      /etc/unit  (the service)",
        "made      1 manual pages  (for man)",
        "a note",
        "made      1 manual pages  (for man)",
        "done\n",
      ].join("\n"),
    );
  });

  test("characters that would steer a terminal are shown", async () => {
    expect(await show("text", (report) => report.note("\u001b[2J"))).not.toContain("\u001b");
  });
});

test("as lines of shell, reasons and notes are comments; steps without a command are left out", async () => {
  const shown = await show("shell", async (report) => {
    await report.step(STEP);
    await report.step({ ...STEP, command: "" });
    await report.step(PAGE);
    await report.note("a note");
    return report.end("done", { facts: 1 });
  });
  expect(shown).toBe("# the service\ninstall a\nchmod b\n# for man\ncp\n# a note\n");
});

test("as JSON there is one object at the end, without names of kinds", async () => {
  const shown = await show("json", async (report) => {
    await report.step(STEP);
    await report.step(PAGE);
    await report.note("a note");
    const outcome = await report.end("done", { role: "guest", isRunning: false });
    expect(outcome).toMatchObject({ exitCode: 0 });
  });
  const { oneOf: _, ...page } = PAGE;
  expect(JSON.parse(shown)).toEqual({
    role: "guest",
    isRunning: false,
    steps: [STEP, page],
    notes: ["a note"],
  });
});

test("a mounted image has its name in commands, notes, facts and the last line", async () => {
  const image = { directory: "/tmp/mounted", name: "web.qcow2" };
  const work = async (report: Report) => {
    await report.step({ ...STEP, command: "rm /tmp/mounted/etc/group" });
    await report.note("See /tmp/mounted");
    return report.end("in /tmp/mounted/x", { root: "/tmp/mounted" });
  };
  expect(JSON.parse(await show("json", work, image))).toEqual({
    root: "web.qcow2",
    steps: [{ ...STEP, command: "rm web.qcow2:/etc/group" }],
    notes: ["See web.qcow2"],
  });
  expect(await show("text", work, image)).toEndWith("See web.qcow2\nin web.qcow2:/x\n");
});
