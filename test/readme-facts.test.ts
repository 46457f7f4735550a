/** What the README says beside its lines of shell: messages, settings, policy, paths, and the examples of services. */
import { describe, expect, test } from "bun:test";
import { chmod, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import { COMMANDS } from "../scripts/demo-commands.ts";
import { TARGET_NAMES } from "../scripts/targets.ts";
import { dialSocket } from "../src/channels/socket/socket.ts";
import { findPolicyFile, loadConfig } from "../src/config/config.ts";
import { NATIVE_PORTS as PORT_NAMES } from "../src/peers/native.ts";
import { explainMissing, explainRefusal } from "../src/discovery/ports/port-trouble.ts";
import { explainStart } from "../src/discovery/libvirt/virsh.ts";
import { NegotiatorError } from "../src/errors.ts";
import { resolveCommand } from "../src/methods/commands.ts";
import { readDescription } from "../src/methods/describe.ts";
import { decide, parsePolicy } from "../src/policy/policy.ts";
import { readPolicy } from "../src/policy/policy-file.ts";
import { noDaemon } from "../src/roles/cli/control-client.ts";
import { explainNoAnswer as explainHostNoAnswer } from "../src/roles/guest/no-answer.ts";
import { noGuest } from "../src/roles/host/guests.ts";
import { explainNoAnswer as explainGuestNoAnswer, noCallingPort } from "../src/roles/host/no-answer.ts";
import { splitWords } from "../src/roles/cli/shell-words.ts";
import { DEFAULTS } from "../src/config/settings.ts";
import { blocksOf, expectGoodUsage, expectMessage, README, ROOT } from "./support/readme.ts";
import { errorOf, rejectionOf } from "./support/error-of.ts";
import { createTemporaryDirectory } from "./support/temporary-directory.ts";

describe("the README has the message", () => {
  test("of a port that is missing", async () => {
    await using directory = await createTemporaryDirectory();
    await mkdir(directory.at("empty"));
    await directory.write("other/vport0p1/name", "org.qemu.guest_agent.0\n");
    const procDirectory = directory.at("empty");
    for (const [port, name] of [
      [PORT_NAMES.hostToGuest, "nowhere"],
      [PORT_NAMES.hostToGuest, "empty"],
      [PORT_NAMES.hostToGuest, "other"],
      [PORT_NAMES.guestToHost, "empty"],
    ] as const) {
      expectMessage(await explainMissing(port, { sysDirectory: directory.at(name), procDirectory }));
    }
  });

  test("of a port that does not open", async () => {
    await using directory = await createTemporaryDirectory();
    const port = { name: PORT_NAMES.hostToGuest, device: "/dev/vport0p1" };
    for (const code of ["EBUSY", "EACCES"]) {
      const thrown = Object.assign(new Error(code), { code });
      expectMessage(await explainRefusal(port, thrown, { procDirectory: directory.path }));
    }
  });

  test("of a side that is silent", async () => {
    const silent = { peer: undefined, state: "idle" } as const;
    const endpoint = { path: "/run/vm/web1.sock", state: "running" } as const;
    expectMessage(explainGuestNoAnswer("web1", silent, endpoint));
    expectMessage(explainGuestNoAnswer("web1", silent, { ...endpoint, connected: false }));
    expectMessage(explainGuestNoAnswer("web1", silent, { ...endpoint, state: "paused" }));
    expectMessage(explainGuestNoAnswer("web1", silent, { ...endpoint, state: "saved" }));
    expectMessage(
      explainGuestNoAnswer("web1", { peer: { name: "n", version: "1", role: "guest" } }, endpoint),
    );
    const path = "/run/vm/web1.sock";
    expectMessage(explainGuestNoAnswer("web1", silent, endpoint, await rejectionOf(dialSocket(path))));
    expectMessage(noCallingPort("web1", PORT_NAMES.hostToGuest));
    expectMessage(explainHostNoAnswer());
  });

  test("of what is not there", () => {
    expectMessage(noGuest("web2", ["web1"]));
    expectMessage(noDaemon("host", DEFAULTS.host.control));
    expectMessage(explainStart(new NegotiatorError("NO_COMMAND", "no virsh")));
  });

  test("of a policy that is set and not there", () => {
    const environment = { NEGOTIATOR_POLICY_FILE: "/etc/negotiator/polcy.toml" };
    expectMessage(errorOf(() => readPolicy(findPolicyFile(loadConfig({ file: "/dev/null", environment })))));
  });

  test("of a command without its executable bit", async () => {
    await using directory = await createTemporaryDirectory();
    const path = await directory.write("check-process", "#!/bin/sh\n");
    await chmod(path, 0o644);
    const sources = { directories: [directory.path], builtins: [], uid: process.getuid?.() ?? 0 };
    expectMessage(await rejectionOf(resolveCommand("check-process", sources, () => true)));
  });
});

describe("the README's", () => {
  test("settings are settings", async () => {
    await using directory = await createTemporaryDirectory();
    const blocks = blocksOf("toml").filter((block) => block.startsWith("# negotiator.toml\n"));
    expect(blocks.length).toBeGreaterThan(0);
    for (const block of blocks) {
      loadConfig({ file: await directory.write("negotiator.toml", block), environment: {} });
    }
  });

  test("policy means what its rules look like", () => {
    const text = tomlOf("policy.toml on a host");
    const ask = (guest: string, command: string, ...args: string[]) =>
      decide(parsePolicy(text), {
        caller: { via: "guest", name: guest },
        method: "execute",
        resource: { kind: "command", name: command, args },
      });
    expect(ask("web1", "request-backup", "--full", "/srv/data")).toMatchObject({ allowed: true, rule: 2 });
    expect(ask("web1", "request-backup", "--full", "/etc")).toMatchObject({ allowed: false });
    expect(ask("web1", "find-ip-addresses")).toMatchObject({ allowed: true, rule: 3 });
    expect(ask("test-1", "find-ip-addresses")).toMatchObject({ allowed: false, rule: 1 });
  });

  test("command is the demo's, and its description is read", async () => {
    expect(blocksOf("text")).toContain(COMMANDS.guest["check-process"] ?? "");
    await using directory = await createTemporaryDirectory();
    const text = tomlOf("check-process.toml");
    await directory.write("check-process.toml", text);
    await chmod(directory.at("check-process.toml"), 0o644);
    const said = await readDescription(directory.at("check-process"), process.getuid?.() ?? 0);
    expect(said).toMatchObject({ timeoutSeconds: 5, user: "nobody", stdin: false });
  });

  test("paths, ports and files are the real ones", async () => {
    const { commandsDirectory, policyFile, audit, host, guest } = DEFAULTS;
    const names = [...commandsDirectory, policyFile, audit.file, host.control, guest.control];
    const files = TARGET_NAMES.map((name) => `negotiator-${name}`);
    for (const name of [...names, ...files]) expect(README).toContain(`\`${name}\``);
    for (const port of [PORT_NAMES.hostToGuest, PORT_NAMES.guestToHost]) expect(README).toContain(port);
    const links = [...README.matchAll(/\]\(([^#)][^)]*)\)/g)].map(([, path = ""]) => path);
    for (const path of links) expect(await Bun.file(join(ROOT, path)).exists()).toBe(true);
    const wide = blocksOf("text").flatMap((block) => block.split("\n").filter((line) => line.length > 80));
    expect(wide).toEqual([]);
  });
});

test("the examples of services call the program as it wants to be called", async () => {
  const paths = (await readdir(join(ROOT, "examples"), { recursive: true })).filter((path) =>
    path.includes("/"),
  );
  expect(paths).toHaveLength(6);
  for (const path of paths) {
    const text = await Bun.file(join(ROOT, "examples", path)).text();
    const role = /negotiator-(host|guest)/.exec(path)?.[1] ?? "";
    const words = /^(?:ExecStart=|command=)\/usr\/local\/bin\/negotiator (.*)$/m.exec(text)?.[1];
    const own = words ?? /^command_args="(.*)"$/m.exec(text)?.[1] ?? "";
    expect({ path, own }).toEqual({ path, own: `${role} daemon` });
    await expectGoodUsage(splitWords(own));
  }
});

/** The block of TOML that begins with this comment. */
function tomlOf(comment: string): string {
  return blocksOf("toml").find((block) => block.startsWith(`# ${comment}\n`)) ?? "";
}
