/** A host and a guest for one call, with what can be broken on its way. */
import { rm } from "node:fs/promises";
import type { EmulatedPort } from "../../scripts/emulated-port.ts";
import { listenWithoutAccepting } from "../support/full-socket.ts";
import type { Program } from "../support/program.ts";
import { createStage } from "../support/stage.ts";
import type { Side } from "../support/stage.ts";

/** The way of a call. `directly`: the caller opens the channel itself. */
export type Way = "host to guest" | "guest to host" | "host directly" | "guest directly";

/** The command of a call, and the daemon that does not run. */
type SceneOptions = { script?: string; without?: "called" | "calling" };

/** The two sides of a call. Disposal kills everything. */
export type Scene = AsyncDisposable & {
  readonly calling: Side;
  readonly called: Side;
  /** The port that the call goes over. */
  readonly port: EmulatedPort;
  /** The words of a call under `-t seconds`, without the program. */
  words(seconds: string): string[];
  /** The environment of the calling program. */
  readonly env: Record<string, string>;
  /** A file that the command makes when it runs. */
  readonly mark: string;
  /** Listens at `path`, and never answers. */
  listenInSilence(path: string): Promise<void>;
  /** Puts a socket in the place of the host's that takes connections and never reads. */
  freezePort(): Promise<void>;
};

/** Makes the scene of one call. */
export async function createScene(way: Way, obstacle: SceneOptions, program?: Program): Promise<Scene> {
  await using owned = new AsyncDisposableStack();
  const programs = program === undefined ? {} : { programs: { host: program, guest: program } };
  const stage = owned.use(await createStage({ withoutDaemons: true, ...programs }));
  const [from, how] = way.split(" ");
  const isFromHost = from === "host";
  const isDirect = how === "directly";
  const guest = stage.guest();
  const [calling, called] = isFromHost ? [stage.host, guest] : [guest, stage.host];
  const port = !isFromHost && isDirect ? guest.back : guest.port;
  const mark = stage.at("mark");
  const script = obstacle.script ?? "exec sleep 600";
  await called.command("hold", `#!/bin/sh\n: >'${mark}'\n${script}\n`);
  const runs = {
    calling: !isDirect && obstacle.without !== "calling",
    called: obstacle.without !== "called",
  };
  if (runs.calling) await calling.start();
  if (runs.called) await called.start();
  if (runs.calling && runs.called) await stage.open();
  const direct = isFromHost ? ["--direct"] : ["-c", guest.back.guestPath];
  const life = owned.move();
  const listenInSilence = async (path: string): Promise<void> => {
    await rm(path, { force: true });
    life.use(listenWithoutAccepting(path, 8));
  };
  return {
    calling,
    called,
    port,
    words: (seconds) => [
      calling.role,
      "execute",
      ...(isDirect ? direct : []),
      "-t",
      seconds,
      ...(isFromHost ? ["web1"] : []),
      "hold",
    ],
    env: { NEGOTIATOR_CONFIG: stage.at(`${isFromHost ? "host" : "web1"}.toml`) },
    mark,
    listenInSilence,
    freezePort: () => listenInSilence(port.hostPath),
    [Symbol.asyncDispose]: () => life.disposeAsync(),
  };
}
