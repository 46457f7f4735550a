/** Owns the client side of the QEMU Machine Protocol (docs/interop/qmp-spec.txt). */
import { listenForLines } from "./lines.ts";

/** The monitor of one QEMU. */
export interface Qmp {
  /** Settles when QEMU accepts commands. */
  readonly ready: Promise<void>;
  /** Runs one command and returns its `return` value. Rejects with QEMU's error. */
  command(name: string, args?: Readonly<Record<string, unknown>>): Promise<unknown>;
  /**
   * Settles with the data of the next event of that name that `matches`. Call it before you cause the event.
   */
  event(name: string, matches?: (data: Record<string, unknown>) => boolean): Promise<Record<string, unknown>>;
  /** Disconnects. Pending commands stay pending. */
  close(): void;
}

/** Listens at `path` for a QEMU started with `-qmp unix:path`. */
export async function listenForQmp(path: string): Promise<Qmp> {
  const pending = new Map<number, PromiseWithResolvers<unknown>>();
  const watchers = new Set<(event: QmpLine) => void>();
  const { promise: ready, resolve: greet, reject: refuse } = Promise.withResolvers<void>();
  let lastId = 0;
  const command: Qmp["command"] = (name, args = {}) => {
    lastId += 1;
    const answer = Promise.withResolvers<unknown>();
    pending.set(lastId, answer);
    server.send(JSON.stringify({ execute: name, arguments: args, id: lastId }));
    return answer.promise;
  };
  const server = await listenForLines(path, (text) => {
    const line: QmpLine = JSON.parse(text);
    if (line.QMP !== undefined) {
      command("qmp_capabilities").then(() => greet(), refuse);
    } else if (line.event !== undefined) {
      for (const watcher of watchers) {
        watcher(line);
      }
    } else if (line.id !== undefined) {
      settle(pending.get(line.id), line);
      pending.delete(line.id);
    }
  });
  return {
    ready,
    command,
    event(name, matches = () => true) {
      const { promise, resolve } = Promise.withResolvers<Record<string, unknown>>();
      const watcher = ({ event, data = {} }: QmpLine) => {
        if (event === name && matches(data)) {
          watchers.delete(watcher);
          resolve(data);
        }
      };
      watchers.add(watcher);
      return promise;
    },
    close: () => server.close(),
  };
}

interface QmpLine {
  readonly QMP?: unknown;
  readonly event?: string;
  readonly data?: Record<string, unknown>;
  readonly id?: number;
  readonly return?: unknown;
  readonly error?: { readonly class: string; readonly desc: string };
}

function settle(answer: PromiseWithResolvers<unknown> | undefined, line: QmpLine): void {
  if (line.error === undefined) {
    answer?.resolve(line.return);
  } else {
    answer?.reject(new Error(`QEMU refused: ${line.error.class}: ${line.error.desc}`));
  }
}
