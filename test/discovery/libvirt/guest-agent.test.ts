/** Requests to a guest agent whose socket libvirt holds: the line for virsh, and what its output means. */
import { describe, expect, test } from "bun:test";
import { askGuestAgent } from "../../../src/discovery/libvirt/guest-agent.ts";
import type { RunTextOptions, RunTextResult } from "../../../src/process/run-text.ts";
import { NegotiatorError } from "../../../src/errors.ts";
import { rejectionOf } from "../../support/error-of.ts";

const { signal } = new AbortController();
const uuid = "64800e11-3e0a-4844-b181-5e5b9a9fed46";
const connect = "qemu:///system";

/** Asks with a virsh that ends as given. Resolves with the answer, and the calls of virsh. */
async function ask(result: Partial<RunTextResult>, request = '{"execute":"guest-ping"}', at?: string) {
  const calls: { argv: readonly string[]; options: RunTextOptions }[] = [];
  const runText = async (argv: readonly string[], options: RunTextOptions): Promise<RunTextResult> => {
    calls.push({ argv, options });
    return { exitCode: 0, stdout: "", stderr: "", ...result };
  };
  return { answer: await askGuestAgent(request, { uuid, connect: at, runText }, signal), calls };
}

/** The error of a virsh that prints this message. */
async function refusal(stderr: string, at?: string): Promise<NegotiatorError> {
  return rejectionOf(ask({ exitCode: 1, stderr }, undefined, at));
}

/** The answer for an agent that has reported an error in these words. */
async function report(desc: string): Promise<unknown> {
  const stderr = `error: internal error: unable to execute QEMU agent command 'x': ${desc}\n`;
  return JSON.parse((await ask({ stderr })).answer);
}

/** The error of a virsh that does not start, or does not end. */
function failing(code: "NO_COMMAND" | "TIMEOUT"): Promise<NegotiatorError> {
  const runText = (): Promise<never> => Promise.reject(new NegotiatorError(code, "no virsh"));
  return rejectionOf(askGuestAgent("{}", { uuid, runText }, signal));
}

describe("the call of virsh", () => {
  test("the request goes through the standard input, in quotes, with both deadlines", async () => {
    const { calls } = await ask({ stdout: '{"return":{}}\n' }, `{"arguments":"it's"}`);
    const [call] = calls;
    expect(call?.argv).toEqual(["virsh", "--quiet"]);
    expect(call?.options).toMatchObject({
      input: `qemu-agent-command --timeout 25 ${uuid} '{"arguments":"it'\\''s"}'\n`,
      timeoutMs: 35_000,
      outputBytes: 6 * 1024 * 1024,
      environment: { LC_ALL: "C", TERM: "dumb", INPUTRC: "/dev/null", VIRSH_HISTSIZE: "0" },
    });
    expect(call?.options.signal).toBe(signal);
    expect(calls).toHaveLength(1);
  });

  test("the URI of libvirt goes to virsh as one word", async () => {
    const { calls } = await ask({ stdout: '{"return":{}}\n' }, "{}", connect);
    expect(calls[0]?.argv).toEqual(["virsh", "--quiet", `--connect=${connect}`]);
  });
});

describe("an answer", () => {
  test("the last line that is an object counts, among the echo and prompts of a terminal", async () => {
    const stdout = 'virsh # qemu-agent-command\r\n{"return":1}\r\n\n{"return":2}\r\n\nvirsh # \n';
    expect((await ask({ stdout })).answer).toBe('{"return":2}');
  });

  test("an object beside an error of virsh is not the answer", async () => {
    const ended = ask({ stdout: '{"return":2}\n', stderr: "error: end of file\n" });
    expect((await rejectionOf(ended)).message).toContain("guest agent: end of file\n");
  });

  test("an error that the agent reports is an answer with its class", async () => {
    for (const desc of ["The command x has not been found", "Command x has been disabled"])
      expect(await report(desc)).toEqual({ error: { class: "CommandNotFound", desc } });
    const desc = "Failed to open file '/x': No such file";
    expect(await report(desc)).toEqual({ error: { class: "GenericError", desc } });
  });
});

describe("a failure", () => {
  test("an agent that does not answer is NO_CHANNEL, with a line that asks it by hand", async () => {
    const error = await refusal("error: Guest agent is not responding \nerror: more\n", connect);
    expect(error).toMatchObject({
      code: "NO_CHANNEL",
      message:
        "Cannot ask the guest's QEMU guest agent: Guest agent is not responding\n" +
        "Look at it in the guest: systemctl status qemu-guest-agent\n" +
        `Ask it by hand: virsh --connect ${connect} qemu-agent-command ${uuid} '{"execute":"guest-ping"}'`,
    });
  });

  test("a virsh without an answer and without an error is NO_CHANNEL", async () => {
    expect(await rejectionOf(ask({ stdout: "virsh # \n" }))).toMatchObject({
      code: "NO_CHANNEL",
      message: expect.stringContaining("guest agent: virsh has no answer\n"),
    });
  });

  test("a missing right is DENIED, with the group to join", async () => {
    for (const reason of [
      "Permission denied",
      "access denied by policy",
      "operation forbidden for read only access",
      "authentication unavailable: no polkit agent",
    ])
      expect(await refusal(`error: ${reason}\n`)).toMatchObject({
        code: "DENIED",
        message:
          `Cannot ask the guest's QEMU guest agent: ${reason}\n` +
          "Run as root, or as a member of the group libvirt",
      });
  });

  test("a long reason is cut after 300 characters, and its control characters are shown", async () => {
    const { message } = await refusal(`error: \x1b${"x".repeat(400)}\n`);
    expect(message).toContain("agent: \\x1bxxx");
    const [reason = ""] = message.split("\n");
    expect(reason.length).toBeGreaterThan(300);
    expect(reason.length).toBeLessThan(350);
  });

  test("a host without virsh is UNSUPPORTED, and other failures of the call keep their code", async () => {
    expect((await failing("NO_COMMAND")).code).toBe("UNSUPPORTED");
    expect((await failing("TIMEOUT")).code).toBe("TIMEOUT");
  });
});
