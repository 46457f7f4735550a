/** The same requests to the QEMU guest agent of Debian and to this program: the answers are compared. */
import { afterAll, describe, expect, test } from "bun:test";
import { leaveOut } from "../support/leave-out.ts";
import { hasTool } from "../support/requirements.ts";
import { comparable, INVALID, REQUESTS, UNCOMPARED } from "./answers.ts";
import { openBoth } from "./both-agents.ts";

const NAME = "answers of both guest agents";
const isInstalled = await hasTool({ program: "qemu-ga", package: "qemu-guest-agent" });

if (isInstalled) describe(NAME, body);
else leaveOut(NAME, `Left out: "${NAME}": this machine has no qemu-ga (package qemu-guest-agent)`, body);

function body(): void {
  const opened = openBoth();
  afterAll(async () => {
    await using _ = (await opened).stack;
  });

  test.each(
    REQUESTS.map((request) => [`${request.execute} ${JSON.stringify(request.args ?? {})}`, request] as const),
  )("%s", async (_, request) => {
    const { theirs, ours } = await opened;
    const expected = await theirs.ask(request.execute, request.args);
    const answer = await ours.ask(request.execute, request.args);
    expect(comparable(answer, request)).toEqual(comparable(expected, request));
  });

  test.each(INVALID)("the bytes %j have the same answers", async (bytes, count) => {
    const { theirs, ours } = await opened;
    const [expected = [], answers = []] = await Promise.all(
      [theirs, ours].map(async (agent) => {
        agent.send(Buffer.from(bytes, "latin1"));
        const lines: string[] = [];
        for (let index = 0; index < count; index++) lines.push(await agent.line());
        expect(await agent.ask("guest-ping")).toEqual({ return: {} });
        return lines;
      }),
    );
    expect(answers).toEqual(expected);
    for (const line of answers) expect(line).toContain("GenericError");
  });

  test("a delimited synchronisation and a command in one write, as Proxmox VE sends them", async () => {
    const { theirs, ours } = await opened;
    for (const agent of [theirs, ours]) {
      agent.send(
        '{"execute":"guest-sync-delimited","arguments":{"id":4201234567890}}\n{"execute":"guest-ping"}\n',
      );
      expect(await agent.line()).toBe('\u00ff{"return": 4201234567890}');
      expect(await agent.line()).toBe('{"return": {}}');
    }
  });

  test("the time of both is the same, in nanoseconds", async () => {
    const { theirs, ours } = await opened;
    const times = [await theirs.ask("guest-get-time"), await ours.ask("guest-get-time")];
    const [expected = 0, answer = 0] = times.map((reply) => Number(reply.return));
    expect(Math.abs(answer - expected)).toBeLessThan(60e9);
    expect(await ours.ask("guest-get-time", { x: 1 })).toEqual(await theirs.ask("guest-get-time", { x: 1 }));
  });

  test("each command refuses an unexpected argument in the same words", async () => {
    const { theirs, ours } = await opened;
    const { return: info } = await theirs.ask("guest-info");
    const commands: { name: string; enabled: boolean }[] = Object(info).supported_commands;
    const names = commands.filter(({ enabled }) => enabled).map(({ name }) => name);
    expect(names.length).toBeGreaterThan(40);
    for (const name of names) {
      const expected = await theirs.ask(name, { unexpected: 1 });
      expect({ name, answer: await ours.ask(name, { unexpected: 1 }) }).toEqual({ name, answer: expected });
    }
  });

  test("each command is compared, or left out with a reason", async () => {
    const { ours } = await opened;
    const { return: info } = await ours.ask("guest-info");
    const commands: { name: string }[] = Object(info).supported_commands;
    const others = ["guest-sync-delimited", "guest-info", "guest-get-time", "guest-exec"];
    const compared = new Set([...others, ...REQUESTS.map(({ execute }) => execute)]);
    const isCompared = (name: string): boolean =>
      compared.has(name) || name.startsWith("guest-file-") || name in UNCOMPARED;
    expect(commands.filter(({ name }) => !isCompared(name))).toEqual([]);
  });

  test("every Linux command of the other agent is there", async () => {
    const { theirs, ours } = await opened;
    const lists = await Promise.all(
      [theirs, ours].map(async (agent) => {
        const { return: info } = await agent.ask("guest-info");
        const commands: { name: string }[] = Object(info).supported_commands;
        return new Map(commands.map((command) => [command.name, command]));
      }),
    );
    const [wanted = new Map(), offered = new Map()] = lists;
    for (const name of MISSING) wanted.delete(name);
    for (const [name, command] of wanted) expect(offered.get(name)).toEqual(command);
  });
}

/** Only Windows has it. */
const MISSING = ["guest-get-devices"];
