/** Calls of virsh: their words and limits, and the error that each failure becomes. */
import { describe, expect, test } from "bun:test";
import {
  askVirsh,
  askVirshForAll,
  changeByVirsh,
  explainStart,
  isGeneralFailure,
  listUuids,
} from "../../../src/discovery/libvirt/virsh.ts";
import type { VirshOptions } from "../../../src/discovery/libvirt/virsh.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import type { FaultCode } from "../../../src/errors.ts";
import type { RunText, RunTextOptions, RunTextResult } from "../../../src/process/run-text.ts";
import { rejectionOf } from "../../support/error-of.ts";
import { answer, complaint, UUIDS } from "./fake-libvirt.ts";

const { signal } = new AbortController();
const connect = "qemu:///system";
const LOST = "failed to connect to the hypervisor";
const CHANGE = { words: ["attach-device", "web1", "/dev/stdin"], input: "<channel/>" };

/** The options for a virsh that ends as given, and its calls. */
function virsh(result: RunTextResult, more: Partial<VirshOptions> = {}) {
  const calls: { argv: readonly string[]; options: RunTextOptions }[] = [];
  const runText: RunText = (argv, options) => {
    calls.push({ argv, options });
    return Promise.resolve(result);
  };
  return { options: { connect, runText, ...more }, calls };
}

/** The three calls, each with the words in front of those for virsh. */
const CALLS = {
  askVirsh: (options: VirshOptions) => askVirsh(["uri"], options, signal),
  askVirshForAll: (options: VirshOptions) => askVirshForAll([["uri"]], options, signal),
  changeByVirsh: (options: VirshOptions) => changeByVirsh(CHANGE, options, signal),
};

/** The remedy for a libvirt at this URI that cannot be asked. */
async function remedyAt(uri: string | undefined): Promise<string | undefined> {
  const { options } = virsh(complaint(LOST, "a reason"), { connect: uri });
  return (await rejectionOf(CALLS.askVirsh(options))).message.split("\n")[1];
}

function isGeneral(code: FaultCode): boolean {
  return isGeneralFailure(new NegotiatorError(code, "x"));
}

describe("a call", () => {
  test("only a change has the right to write, more time, and a standard input", async () => {
    const done = answer("done");
    const [one, all, change] = [virsh(done), virsh(done), virsh(done)];
    expect(await askVirsh(["dumpxml", "web1"], one.options, signal)).toBe("done");
    const commands = [
      ["domstate", "a"],
      ["domstate", "b"],
    ];
    expect(await askVirshForAll(commands, all.options, signal)).toBe("done");
    await changeByVirsh(CHANGE, change.options, signal);
    const readOnly = ["virsh", "--quiet", "--readonly", `--connect=${connect}`];
    const [first, second, third] = [one, all, change].map(({ calls }) => calls[0]);
    expect(first?.argv).toEqual([...readOnly, "dumpxml", "web1"]);
    expect(first?.options).toEqual({
      timeoutMs: 10_000,
      outputBytes: 1 << 20,
      environment: { LC_ALL: "C" },
      signal,
    });
    expect(second?.argv).toEqual([...readOnly, "domstate a; domstate b"]);
    expect(second?.options).toMatchObject({ timeoutMs: 10_000, outputBytes: 8 << 20 });
    expect(third?.argv).toEqual(["virsh", "--quiet", `--connect=${connect}`, ...CHANGE.words]);
    expect(third?.options).toMatchObject({ timeoutMs: 30_000, outputBytes: 1 << 20, input: "<channel/>" });
  });

  test.each(Object.entries(CALLS))("%s keeps to another time limit that is given", async (_, call) => {
    const { options, calls } = virsh(answer(""), { callTimeoutMs: 7 });
    await call(options);
    expect(calls[0]?.options.timeoutMs).toBe(7);
  });

  test.each(Object.entries(CALLS))(
    "%s that takes too long is TIMEOUT, with a line to try",
    async (_, call) => {
      const cause = new NegotiatorError("TIMEOUT", '"virsh" took longer than 2500 ms');
      const options = { connect, callTimeoutMs: 2500, runText: () => Promise.reject(cause) };
      expect(await rejectionOf(call(options))).toMatchObject({
        code: "TIMEOUT",
        message:
          "libvirt does not answer within 2.5 s\n" +
          `Look whether it answers: virsh --connect ${connect} list`,
        cause,
      });
    },
  );

  test.each(Object.entries(CALLS))("%s without a virsh is UNSUPPORTED", async (_, call) => {
    const missing = new NegotiatorError("NO_COMMAND", "no virsh");
    expect((await rejectionOf(call({ connect, runText: () => Promise.reject(missing) }))).code).toBe(
      "UNSUPPORTED",
    );
  });

  test.each(Object.entries(CALLS))("%s without libvirt is NO_CHANNEL", async (_, call) => {
    const { options } = virsh(complaint(LOST, "Failed to connect socket to '/x': No such file"));
    expect(await rejectionOf(call(options))).toMatchObject({
      code: "NO_CHANNEL",
      message:
        `Cannot ask libvirt at "${connect}" for guests: Failed to connect socket to '/x': No such file\n` +
        "Start libvirt: systemctl start libvirtd (or virtqemud). If that fails: negotiator host doctor\n" +
        'If this host does not use it, set host.libvirt = "no"',
    });
  });
});

describe("the outcome", () => {
  test("a domain that is gone gives undefined, and another failure is INTERNAL with the reason", async () => {
    for (const words of ["failed to get domain 'web1'", "Domain not found: no domain with that name"])
      expect(await CALLS.askVirsh(virsh(complaint(words)).options)).toBeUndefined();
    expect(await rejectionOf(CALLS.askVirsh(virsh(complaint("out of memory", "")).options))).toMatchObject({
      code: "INTERNAL",
      message: `libvirt at "${connect}" cannot answer: out of memory`,
    });
    const unset = virsh({ exitCode: null, stdout: "", stderr: "" }, { connect: undefined });
    expect(await rejectionOf(CALLS.askVirsh(unset.options))).toMatchObject({
      message: "libvirt cannot answer: virsh failed without a message",
    });
  });

  test("several commands in one call give the output of those that succeed", async () => {
    const { options } = virsh({ exitCode: 1, stdout: "running\n", stderr: "error: failed to get domain\n" });
    expect(await CALLS.askVirshForAll(options)).toBe("running\n");
    const warned = virsh({ exitCode: 0, stdout: "running\n", stderr: `error: ${LOST}\n` });
    expect(await CALLS.askVirshForAll(warned.options)).toBe("running\n");
  });

  test("a change that libvirt refuses is INTERNAL with libvirt's reason alone", async () => {
    const lines = ["Failed to attach device from /dev/stdin", "port 3 already exists", "try another"];
    expect(await rejectionOf(CALLS.changeByVirsh(virsh(complaint(...lines)).options))).toMatchObject({
      code: "INTERNAL",
      message: "port 3 already exists; try another",
    });
  });

  test("the reason is cut after 500 characters", async () => {
    const { message } = await rejectionOf(CALLS.changeByVirsh(virsh(complaint("x".repeat(900))).options));
    expect(message.length).toBeGreaterThanOrEqual(500);
    expect(message.length).toBeLessThan(550);
  });

  test("the remedy for a URI of another hypervisor is a URI of QEMU", async () => {
    const give = "Give a libvirt URI, for example: --connect qemu:///system";
    expect(await remedyAt("xen:///system")).toBe(give);
    expect(await remedyAt("///")).toBe(give);
    for (const uri of ["qemu+ssh://kvm1/system", "test:///default", undefined])
      expect(await remedyAt(uri)).toBe("Check the connection: virsh uri");
  });
});

test("listUuids gives the lines that are UUIDs, without blanks around them", async () => {
  const { options, calls } = virsh(
    answer(` ${UUIDS[0]} \nname\n${UUIDS[1]}x\n\n${UUIDS[2].toUpperCase()}\n`),
  );
  const uuids = await listUuids(["--inactive"], options, signal);
  expect(uuids).toEqual([UUIDS[0], UUIDS[2].toUpperCase()]);
  expect(calls[0]?.argv.slice(-3)).toEqual(["list", "--uuid", "--inactive"]);
  expect(await listUuids([], virsh(complaint("failed to get domain")).options, signal)).toEqual([]);
});

test("a failure is general if all other calls would fail with it", () => {
  const general = ["UNSUPPORTED", "BAD_CONFIG", "DENIED", "NO_CHANNEL", "CANCELLED"] as const;
  expect(general.filter((code) => !isGeneral(code))).toEqual([]);
  expect([isGeneral("INTERNAL"), isGeneral("TIMEOUT"), isGeneral("TOO_LARGE")]).not.toContain(true);
});

test("a failure to start virsh that has another cause stays the same error", () => {
  const other = new NegotiatorError("DENIED", "no right");
  expect(explainStart(other)).toBe(other);
  const cause = Object.assign(new Error("spawn"), { code: "ENOENT" });
  expect(explainStart(cause)).toMatchObject({
    code: "UNSUPPORTED",
    message:
      'Cannot ask libvirt for guests: there is no program "virsh"\n' +
      "Install the package libvirt-clients (or libvirt-client), or name the sockets: --socket GUEST=PATH",
    cause,
  });
});
