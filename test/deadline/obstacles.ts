/** THE TABLE of what can hold up a call: in its command, at its caller, and between them. */
import type { CallerStreams } from "./streams.ts";
import type { Scene, Way } from "./scene.ts";

/** Something that holds up a call. */
export type Obstacle = {
  name: string;
  /** A quick case: a test runs it from the host to the guest under `-t 3`, or all of its cells. */
  tested?: "once" | "everywhere";
  /** All ways by default. */
  ways?: readonly Way[];
  /** The command as a shell script; it runs for ever by default. */
  script?: string;
  streams?: CallerStreams;
  /** Comes before the call. */
  before?: (scene: Scene) => void | PromiseLike<void>;
  /** Comes while the command runs. */
  during?: (scene: Scene) => void | PromiseLike<void>;
  /** The daemons that do not run. */
  without?: "called" | "calling";
  /** Whether the call may also end before its deadline or a signal, because its peer is known to be gone. */
  mayEndEarly?: true;
  /** Whether the command has ended by itself before the deadline. */
  isOver?: true;
};

const THROUGH_DAEMONS: readonly Way[] = ["host to guest", "guest to host"];
const TO_GUEST: readonly Way[] = ["host to guest", "host directly"];
const FOR_EVER = "exec sleep 600";
const DEAF = "trap '' TERM INT; while :; do sleep 0.1; done";

/** The obstacles. */
export const OBSTACLES: readonly Obstacle[] = [
  { name: "nothing: the command runs on", tested: "everywhere" },
  {
    name: "stdout is a full pipe",
    tested: "everywhere",
    script: "exec yes",
    streams: { stdout: "full pipe" },
  },
  { name: "stderr is a full pipe", script: "exec yes >&2", streams: { stderr: "full pipe" } },
  {
    name: "stdout and stderr are full pipes",
    tested: "once",
    script: "yes & exec yes >&2",
    streams: { stdout: "full pipe", stderr: "full pipe" },
  },
  { name: "stdout is a full socket", script: "exec yes", streams: { stdout: "full socket" } },
  {
    name: "the terminal is stopped with Control-S",
    tested: "once",
    script: "exec yes",
    streams: { stdout: "stopped terminal" },
  },
  {
    name: "the command has ended, stdout is a full pipe",
    tested: "once",
    script: "head -c 1000000 /dev/zero",
    streams: { stdout: "full pipe" },
  },
  { name: "stdin never ends", script: "exec cat", streams: { stdin: "open" } },
  { name: "stdin is endless, the command reads none", streams: { stdin: "endless" } },
  {
    name: "stdin is endless, stdout is a full pipe",
    script: "exec cat",
    streams: { stdin: "endless", stdout: "full pipe" },
  },
  { name: "the command ignores SIGTERM and SIGINT", tested: "once", script: DEAF },
  { name: "the command is stopped", script: "kill -STOP $$" },
  {
    name: "a child in another session holds the output, the command runs on",
    tested: "once",
    script: `setsid sleep 30 & ${FOR_EVER}`,
  },
  {
    name: "a child in another session holds the output, the command has ended",
    script: "setsid sleep 30 & exit 0",
    isOver: true,
  },
  {
    name: "a child in another session ignores all and writes without end",
    script: `setsid sh -c "trap '' TERM; timeout 30 yes" & ${FOR_EVER}`,
  },
  {
    name: "the called daemon stands still before the call",
    tested: "everywhere",
    before: (scene) => scene.called.daemon.kill("SIGSTOP"),
  },
  {
    name: "the called daemon stands still during the call",
    tested: "once",
    during: (scene) => scene.called.daemon.kill("SIGSTOP"),
  },
  {
    name: "the called daemon is gone during the call",
    during: (scene) => scene.called.daemon.kill("SIGKILL"),
    mayEndEarly: true,
  },
  { name: "a port without an agent", tested: "once", ways: TO_GUEST, without: "called" },
  { name: "no host answers", ways: ["guest to host", "guest directly"], without: "called" },
  {
    name: "QEMU is gone before the call",
    ways: TO_GUEST,
    before: (scene) => scene.port[Symbol.asyncDispose](),
    mayEndEarly: true,
  },
  {
    name: "QEMU is gone during the call",
    ways: TO_GUEST,
    during: (scene) => scene.port[Symbol.asyncDispose](),
    mayEndEarly: true,
  },
  {
    name: "QEMU stands still before the call",
    ways: ["host directly"],
    before: (scene) => scene.freezePort(),
  },
  {
    name: "the caller's daemon stands still before the call",
    tested: "once",
    ways: THROUGH_DAEMONS,
    before: (scene) => scene.calling.daemon.kill("SIGSTOP"),
  },
  {
    name: "the caller's daemon stands still during the call",
    tested: "once",
    ways: THROUGH_DAEMONS,
    during: (scene) => scene.calling.daemon.kill("SIGSTOP"),
  },
  {
    name: "the caller's daemon stands still, stdin is endless",
    ways: THROUGH_DAEMONS,
    script: "exec cat >/dev/null",
    streams: { stdin: "endless" },
    during: (scene) => scene.calling.daemon.kill("SIGSTOP"),
  },
  {
    name: "the control socket takes clients and says nothing",
    ways: THROUGH_DAEMONS,
    without: "calling",
    before: (scene) => scene.listenInSilence(scene.calling.control),
  },
];
