/** Clients of both guest agents use files and programs in the same steps: the answers are compared. */
import { afterAll, describe, expect, test } from "bun:test";
import { readFile, symlink } from "node:fs/promises";
import { connectAgent, launchAgent } from "../support/agent-client.ts";
import type { AgentClient, AgentReply } from "../support/agent-client.ts";
import { leaveOut } from "../support/leave-out.ts";
import { hasTool } from "../support/requirements.ts";
import { createTemporaryDirectory } from "../support/temporary-directory.ts";
import { until } from "../support/until.ts";
import { openBoth } from "./both-agents.ts";

const NAME = "files and programs of both guest agents";
const isInstalled = await hasTool({ program: "qemu-ga", package: "qemu-guest-agent" });

if (isInstalled) describe(NAME, body);
else leaveOut(NAME, `Left out: "${NAME}": this machine has no qemu-ga (package qemu-guest-agent)`, body);

/** A step with a file: a command without `guest-file-`, and its arguments besides the handle. */
type Step = readonly [command: string, args: object];

const HELLO = Buffer.from("hello").toString("base64");

const FILES: readonly (readonly [title: string, mode: string, steps: readonly Step[]])[] = [
  [
    "a new file is written, read and extended",
    "w+",
    [
      ["write", { "buf-b64": HELLO }],
      ["seek", { offset: 1, whence: "set" }],
      ["read", { count: 2 }],
      ["read", { count: 20 }],
      ["read", {}],
      ["write", { "buf-b64": HELLO, count: 1 }],
      ["seek", { offset: -2, whence: "end" }],
      ["seek", { offset: 1, whence: 1 }],
      ["flush", {}],
    ],
  ],
  [
    "a file is appended to, and cannot be read",
    "a",
    [
      ["write", { "buf-b64": HELLO }],
      ["read", {}],
    ],
  ],
  [
    "a file is read, and cannot be written",
    "r",
    [
      ["read", { count: 0 }],
      ["write", { "buf-b64": HELLO }],
    ],
  ],
  [
    "wrong arguments",
    "rb",
    [
      ["read", { count: -1 }],
      ["read", { count: 50_000_000_000 }],
      ["write", { "buf-b64": "!!" }],
      ["write", { "buf-b64": HELLO, count: 6 }],
      ["seek", { offset: -1, whence: "set" }],
      ["seek", { offset: 1, whence: "middle" }],
      ["seek", { offset: 1, whence: 7 }],
    ],
  ],
];

const UNOPENED = [
  { path: "/no/such/file" },
  { path: "" },
  { path: "/etc/hostname", mode: "q" },
  { path: "/etc", mode: "w" },
];

const PROGRAMS: readonly (readonly [title: string, args: object])[] = [
  [
    "both streams and an exit code",
    { path: "sh", arg: ["-c", "echo a; echo b >&2; exit 3"], "capture-output": true },
  ],
  ["no stream is wanted", { path: "/bin/sh", arg: ["-c", "echo a; exit 4"] }],
  [
    "/dev/null in the place of unwanted streams",
    { path: "/bin/sh", arg: ["-c", "[ /dev/stdout -ef /dev/null ] && [ /dev/stderr -ef /dev/null ]"] },
  ],
  ["a signal", { path: "sh", arg: ["-c", "kill -9 $$"] }],
  ["input", { path: "cat", "input-data": HELLO, "capture-output": true }],
  ["the whole environment", { path: "env", env: ["A=1", "PATH=/usr/bin:/bin"], "capture-output": true }],
  ["no output", { path: "true", "capture-output": true }],
];

/** The length of a title. */
const SHOWN = 60;

const UNSTARTED = [
  { path: "/no/such/program" },
  { path: "" },
  { path: "/etc/passwd" },
  { path: "no-such-program" },
  { path: "/etc" },
  { path: "/etc/passwd/no" },
  { path: "/bin/true", arg: ["x".repeat(200_000)] },
];

async function endOf(agent: AgentClient, args: object): Promise<unknown> {
  const { return: started } = await agent.ask("guest-exec", args);
  const { pid } = Object(started);
  let status: AgentReply = {};
  await until("the program has ended", async () => {
    status = await agent.ask("guest-exec-status", { pid });
    return Object(status.return).exited === true;
  });
  // A second question about it is an error in both.
  expect((await agent.ask("guest-exec-status", { pid })).error?.class).toBe("GenericError");
  return status;
}

function body(): void {
  const opened = openBoth();
  afterAll(async () => {
    await using _ = (await opened).stack;
  });

  test.each(FILES)("%s", async (_, mode, steps) => {
    const { theirs, ours, directory } = await opened;
    const runs = [];
    for (const [name, agent] of Object.entries({ theirs, ours })) {
      const path = await directory.write(`${name}.txt`, "text\n");
      const { return: handle } = await agent.ask("guest-file-open", { path, mode });
      const replies = [];
      for (const [command, args] of steps)
        replies.push(await agent.ask(`guest-file-${command}`, { handle, ...args }));
      replies.push(await agent.ask("guest-file-close", { handle }));
      expect((await agent.ask("guest-file-close", { handle })).error?.desc).toBe(
        `handle '${String(handle)}' has not been found`,
      );
      runs.push({ replies, text: await readFile(path, "utf8") });
    }
    expect(runs[1]).toEqual(runs[0]);
  });

  test.each(UNOPENED)("a file is not opened with %j", async (args) => {
    const { theirs, ours } = await opened;
    expect(await ours.ask("guest-file-open", args)).toEqual(await theirs.ask("guest-file-open", args));
  });

  test.each(PROGRAMS)("a program with %s", async (_, args) => {
    const { theirs, ours } = await opened;
    expect(await endOf(ours, args)).toEqual(await endOf(theirs, args));
  });

  test.each(UNSTARTED.map((args) => [JSON.stringify(args).slice(0, SHOWN), args] as const))(
    "a program is not started with %s",
    async (_, args) => {
      const { theirs, ours } = await opened;
      const expected = await theirs.ask("guest-exec", args);
      // Some versions start a helper, which only then finds out that there is nothing to run.
      const answer = await ours.ask("guest-exec", args);
      expect(answer.error?.class).toBe("GenericError");
      if (expected.error !== undefined) expect(answer).toEqual(expected);
    },
  );
}

/** An agent of this program alone, with a policy. */
async function openOurs(policy: string) {
  const stack = new AsyncDisposableStack();
  const directory = stack.use(await createTemporaryDirectory());
  const socket = directory.at("agent.sock");
  stack.use(
    launchAgent(["-m", "unix-listen", "-p", socket], {
      NEGOTIATOR_POLICY_FILE: await directory.write("policy.toml", policy.replaceAll("DIR", directory.path)),
      NEGOTIATOR_AUDIT_FILE: directory.at("audit.jsonl"),
      NEGOTIATOR_DETACHED_DIRECTORY: directory.at("detached"),
    }),
  );
  const agent = stack.use(await connectAgent(socket));
  return { stack, directory, agent };
}

const RULES = `
[[rules]]
action = "allow"
methods = ["guest-file-open"]
paths = ["DIR/open/**"]
arguments = ["r"]

[[rules]]
action = "allow"
methods = ["guest-exec"]
paths = ["/usr/bin/id", "/bin/id"]
arguments = ["-u"]

[[rules]]
action = "allow"
methods = ["execute"]
commands = ["find-distributor-id"]
`;

test("a rule allows paths, modes and arguments, and nothing else", async () => {
  const { stack, directory, agent } = await openOurs(RULES);
  await using _ = stack;
  const inside = await directory.write("open/inside", "text");
  await directory.write("secret", "secret");
  await symlink(directory.at("secret"), directory.at("open/link"));
  const open = (path: string, mode = "r") => agent.ask("guest-file-open", { path, mode });
  expect(await open(inside)).toEqual({ return: expect.any(Number) });
  for (const [path, mode] of [
    [inside, "w"],
    [inside, "r+"],
    [directory.at("secret"), "r"],
    [`${directory.at("open")}/../secret`, "r"],
    [directory.at("open/link"), "r"],
  ] as const)
    expect((await open(path, mode)).error?.class).toBe("CommandNotFound");
  expect(await agent.ask("guest-exec", { path: "id", arg: ["-u"] })).toEqual({
    return: { pid: expect.any(Number) },
  });
  expect((await agent.ask("guest-exec", { path: "id", arg: ["-g"] })).error?.class).toBe("CommandNotFound");
  expect((await agent.ask("guest-exec", { path: "sh" })).error?.class).toBe("CommandNotFound");
  const preloaded = { path: "id", arg: ["-u"], env: ["LD_PRELOAD=/tmp/x.so", "PATH=/usr/bin"] };
  expect((await agent.ask("guest-exec", preloaded)).error?.class).toBe("CommandNotFound");
  const audit = await until("the audit has it", async () => {
    const text = await readFile(directory.at("audit-denied.jsonl"), "utf8");
    return text.includes("LD_PRELOAD") && text;
  });
  expect(audit).toContain('"variables":"LD_PRELOAD PATH"');
  expect((await agent.ask("guest-get-time")).error?.class).toBe("CommandNotFound");
  expect(await agent.ask("guest-ping")).toEqual({ return: {} });
});

test("a program that is one of our commands runs as that command, under its rule", async () => {
  const { stack, agent } = await openOurs(RULES);
  await using _ = stack;
  const ended = await endOf(agent, { path: "find-distributor-id", "capture-output": true });
  expect(ended).toMatchObject({ return: { exited: true, exitcode: 0, "out-truncated": false } });
  const denied = await agent.ask("guest-exec", { path: "find-disk-usage" });
  expect(denied.error?.desc).toContain('The guest denies the command "find-disk-usage"');
});

test("output and read data together fit into an answer that libvirt takes, and are marked", async () => {
  const { stack, agent } = await openOurs('[[rules]]\naction = "allow"\n');
  await using _ = stack;
  const script = "head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2";
  const ended = Object(await endOf(agent, { path: "sh", arg: ["-c", script], "capture-output": true }));
  expect(ended.return["out-truncated"] || ended.return["err-truncated"]).toBe(true);
  expect(JSON.stringify(ended).length).toBeLessThan(4 * 1024 * 1024);
  const { return: handle } = await agent.ask("guest-file-open", { path: "/dev/zero" });
  const { return: read } = await agent.ask("guest-file-read", { handle, count: 48 * 1024 * 1024 });
  expect(Object(read)).toMatchObject({ count: 2_883_584, eof: false });
});

test("handles that clients leave open are bounded: the one unused longest is closed", async () => {
  const { stack, agent } = await openOurs('[[rules]]\naction = "allow"\n');
  await using _ = stack;
  const handles = [];
  for (let count = 0; count < 65; count++)
    handles.push((await agent.ask("guest-file-open", { path: "/etc/hostname" })).return);
  const [first, second] = handles;
  expect((await agent.ask("guest-file-read", { handle: first })).error?.desc).toContain("has not been found");
  expect(await agent.ask("guest-file-read", { handle: second, count: 0 })).toHaveProperty("return.count", 0);
});
