/** Calls to a guest without a usable channel: its name is that of two machines, or it is shut off. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { withMoreTime } from "../../support/more-time.ts";
import { launch, launchDaemon } from "../../support/program.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";
import { until } from "../../support/until.ts";

const TIMEOUT_MS = 180_000;
const UUIDS = ["a", "b", "c", "d", "e", "f"].map(
  (letter) => `${letter.repeat(8)}-0000-4000-8000-000000000000`,
);
const [TWIN, OTHER_TWIN, OTHER, OFF, BARE, SILENT] = UUIDS;
const AGENT_PORT = "org.qemu.guest_agent.0";
const CALLS = "negotiator-host-to-guest.0";

const domainXml = (name: string, uuid = "", port: string, id: string, state = ""): string =>
  `<domain type='kvm'${id}><name>${name}</name><uuid>${uuid}</uuid><devices><channel type='unix'>` +
  `<source mode='bind' path='/nonexistent/${uuid}'/>` +
  `<target type='virtio' name='${port}'${state}/></channel></devices></domain>`;
const RUNS = " id='1'";
const STATE = " state='$(cat ${0%/*}/state)'";

/**
 * A libvirt with two domains called `twin`, one that is shut off, one without a port of ours, and one whose
 * guest agent is in the state that a file has.
 */
const VIRSH = `#!/bin/sh
for last; do :; done
case "$*" in
  *--state-paused*) ;;
  *--inactive*) case "$*" in *managed*) ;; *) echo ${OFF} ;; esac ;;
  *list*) printf '%s\\n' ${TWIN} ${OTHER_TWIN} ${OTHER} ${BARE} ${SILENT} ;;
  *event*) exec sleep 1000 ;;
  *) case "$last" in
    ${TWIN}|${OTHER_TWIN}) echo "${domainXml("twin", "$last", CALLS, RUNS)}" ;;
    ${OTHER}|other) echo "${domainXml("other", OTHER, CALLS, RUNS)}" ;;
    ${OFF}|off) echo "${domainXml("off", OFF, CALLS, "")}" ;;
    ${BARE}|bare) echo "${domainXml("bare", BARE, AGENT_PORT, RUNS)}" ;;
    ${SILENT}|silent) echo "${domainXml("silent", SILENT, AGENT_PORT, RUNS, STATE)}" ;;
    *) echo "error: failed to get domain '$last'" >&2; exit 1 ;;
  esac ;;
esac
`;

const disposal = new AsyncDisposableStack();
let env: Record<string, string>;
let setState: (state: string) => Promise<unknown>;
beforeAll(async () => {
  const directory = disposal.use(await createTemporaryDirectory());
  await chmod(await directory.write("bin/virsh", VIRSH), 0o755);
  setState = (state) => directory.write("bin/state", state);
  await setState("disconnected");
  await chmod(await directory.write("kept/silent/hello", "#!/bin/sh\n"), 0o755);
  const config = await directory.write(
    "negotiator.toml",
    `policyFile = "${directory.at("policy.toml")}"\naudit.file = "${directory.at("audit")}"\n` +
      `[host]\ncontrol = "${directory.at("host.sock")}"\nlibvirt = "yes"\nqemu = "no"\n` +
      `guestCommandsDirectory = "${directory.at("kept")}"\n`,
  );
  await directory.write("policy.toml", '[[rules]]\naction = "allow"\n');
  env = { PATH: `${directory.at("bin")}:/usr/bin:/bin`, NEGOTIATOR_CONFIG: config };
  const daemon = disposal.use(launchDaemon(["host", "daemon"], env));
  await daemon.says("Serving local users");
  await until("the guests are found", async () => (await host("list-guests")).stdout === "other\n");
}, TIMEOUT_MS);
afterAll(() => disposal.disposeAsync());

const host = async (...words: string[]) => {
  await using run = launch(["host", ...words], { env });
  return await run.ended();
};

describe.each([
  ["through the daemon", [] as string[]],
  ["without the daemon", ["--direct"]],
])("%s", (_, options) => {
  // On a busy machine the time may be over before the search for guests has begun or ended.
  const call = (guest: string) =>
    withMoreTime(
      (timeMs) => host("execute", ...options, "--connect-timeout", `${timeMs / 100}`, guest, "x"),
      ({ stderr }) => !/Cannot reach the other side|did not end in time/.test(stderr),
    );

  test(
    "the caller of a name that two machines have gets the clash",
    async () => {
      const { exitCode, stderr } = await call("twin");
      expect(stderr).toStartWith("negotiator: Cannot tell two guests apart: ");
      expect(stderr).toContain("Give each guest its own name and UUID\n");
      expect(exitCode).toBe(125);
    },
    TIMEOUT_MS,
  );

  test(
    "the caller of another guest does not read of the clash",
    async () => {
      const { exitCode, stderr } = await call("other");
      expect(stderr).not.toContain("twin");
      expect(stderr).toContain(OTHER ?? "");
      expect(exitCode).toBe(125);
    },
    TIMEOUT_MS,
  );

  test(
    "the caller of a guest that is shut off reads so, and how to start it",
    async () => {
      const { exitCode, stderr } = await call("off");
      expect(stderr).toBe('negotiator: Guest "off" is shut off\nStart it: virsh start off\n');
      expect(exitCode).toBe(125);
    },
    TIMEOUT_MS,
  );

  test(
    "the caller of a guest that runs without a port of ours reads which port it lacks",
    async () => {
      const { exitCode, stderr } = await call("bare");
      expect(stderr).toStartWith(
        `negotiator: Guest "bare" runs, but has no port ${CALLS} (it has: org.qemu.guest_agent.0)\n`,
      );
      expect(exitCode).toBe(125);
    },
    TIMEOUT_MS,
  );

  test(
    "the caller of an unknown guest gets the way to the list",
    async () => {
      expect((await call("nothing-like-it")).stderr).toStartWith(
        'negotiator: No running guest with a negotiator channel is called "nothing-like-it"\n',
      );
    },
    TIMEOUT_MS,
  );
});

test(
  "status shows a guest that is shut off, and list-guests does not",
  async () => {
    const { stdout } = await host("status");
    expect(stdout).toContain("off: shut off, 0 calls out, 0 in\n");
    const [line = ""] = (await host("status", "off", "--json")).stdout.split("\n");
    expect(JSON.parse(line)).toMatchObject({ name: "off", uuid: OFF, state: "shut off", since: null });
    expect((await host("list-guests")).stdout).toBe("other\n");
  },
  TIMEOUT_MS,
);

test("a call to a guest whose only agent is off says so, and finds the agent once it runs", async () => {
  const before = await host("execute", "silent", "hello");
  expect(before).toMatchObject({ exitCode: 125, stdout: "" });
  expect(before.stderr).toContain(
    "has no port negotiator-host-to-guest.0, and its QEMU guest agent does not run",
  );
  await setState("connected");
  // This libvirt has no agent, but it is asked for one long before the next scan.
  await until("the agent is asked", async () => {
    const { stderr } = await host("execute", "silent", "hello");
    return !stderr.includes("does not run");
  });
});
