/** A call of `execute` for a guest that has only the QEMU guest agent. */
import * as v from "valibot";
import { untilAborted } from "../../abort.ts";
import { clampDelay } from "../../delay.ts";
import { NegotiatorError } from "../../errors.ts";
import { ExecuteParams } from "../../methods/execute-schemas.ts";
import type { ExecuteResult } from "../../methods/execute-schemas.ts";
import { cancelled } from "../../wire/calls/cancelled.ts";
import { createMailbox } from "../../wire/calls/mailbox.ts";
import { cancelOnAbort } from "../native.ts";
import type { PeerCall, PeerCallOptions } from "../peer.ts";
import type { PushedCommand, PushedCommands } from "../pushed-commands.ts";
import { createCallDeadline } from "../queued/call-deadline.ts";
import type { CallDeadline } from "../queued/call-deadline.ts";
import { createInputCollector } from "../queued/input-collector.ts";
import { createOutputPipe } from "../queued/output-pipe.ts";
import { createAgentProcess } from "./agent-process.ts";
import type { AgentProcess } from "./agent-process.ts";
import type { AgentConnection } from "./agent-connection.ts";
import { noStream } from "../../wire/calls/call-streams.ts";

/** The name of the dialect in messages. */
export const AGENT_LABEL = "QEMU guest agent";

/** Input is written to a file in the guest first. Through libvirt, a megabyte takes some seconds. */
const INPUT_BYTES = 16 * 1024 * 1024;

const SignalSchema = v.object({ signal: v.pipe(v.string(), v.regex(/^SIG[A-Z0-9]+$/)) });

/** The guest's end of a call. */
export type AgentLine = {
  connection: AgentConnection;
  commands: PushedCommands;
  makeId: () => string;
  life: AbortSignal;
};

/** Starts the call. Its result rejects as `AgentProcess.run` does, and with `TIMEOUT` at its deadline. */
export function startAgentExecute(line: AgentLine, params: unknown, options: PeerCallOptions): PeerCall {
  const { read = [], write = [], timeoutMs, connectTimeoutMs, signal } = options;
  const deadline = createCallDeadline({ timeoutMs, connectTimeoutMs, life: line.life, label: AGENT_LABEL });
  const input = createInputCollector({ limitBytes: INPUT_BYTES, label: AGENT_LABEL });
  if (write.length === 0) input.writer.end();
  const output = { stdout: createOutputPipe(), stderr: createOutputPipe() };
  const pipes = Object.entries(output);
  for (const [name, pipe] of pipes) if (!read.includes(name)) pipe.reader.cancel();
  const mailbox = createMailbox();
  let running: AgentProcess | undefined;

  const run = async (): Promise<ExecuteResult> => {
    const startMs = performance.now();
    const { command, args } = v.parse(ExecuteParams, params);
    const bytes = await input.bytes;
    const program = await line.commands.read(command);
    using _ = limitTime(deadline, program);
    deadline.signal.throwIfAborted();
    const id = options.id ?? line.makeId();
    running = createAgentProcess(line.connection, {
      command: program,
      args,
      call: fileName(id),
      input: bytes,
      env: environmentOf(command, id),
      onStart: () => deadline.start(),
    });
    deadline.connect();
    const end = await running.run(output, deadline.signal);
    mailbox.take("exited", end);
    const durationMs = Math.round(performance.now() - startMs);
    return { ...end, endedBy: "command", durationMs, inputBytes: bytes.length };
  };
  const fail = (thrown: unknown): never => {
    const error = explainEnd(NegotiatorError.from(thrown), running?.isStarted === true);
    if (running?.isStarted === true) void running.end().catch(() => undefined);
    for (const [, pipe] of pipes) pipe.fail(error);
    throw error;
  };

  const result = untilAborted(run(), deadline.signal).then((answer) => {
    for (const [, pipe] of pipes) pipe.end();
    return answer;
  }, fail);
  void result.catch(() => undefined).then(() => deadline[Symbol.dispose]());
  const cancel = (reason: string): void => deadline.abort(cancelled(reason));
  if (signal !== undefined) cancelOnAbort(signal, result, cancel);

  return {
    get isSent() {
      return running?.isStarted === true;
    },
    result,
    reader: (name) => find(pipes.find(([known]) => known === name && read.includes(known))?.[1].reader, name),
    writer: (name) => find(write.includes(name) ? input.writer : undefined, name),
    send(name, value) {
      const parsed = v.safeParse(SignalSchema, value);
      if (name !== "signal" || !parsed.success) return;
      const tell = (): void => mailbox.take("signalled", parsed.output);
      void running?.send(parsed.output.signal).then(tell, () => undefined);
    },
    listen: (listener) => mailbox.listen(listener),
    cancel,
  };
}

/** Ends the call at the command's own deadline. */
function limitTime(deadline: CallDeadline, { name, timeoutSeconds = 0 }: PushedCommand): Disposable {
  const message = `The deadline of the command "${name}" has passed: the guest ends it now`;
  const remedy = `Give it more time on the host: timeoutSeconds in ${name}.toml, beside the command`;
  const expire = (): void => deadline.abort(new NegotiatorError("TIMEOUT", message, { remedy }));
  const timer = timeoutSeconds > 0 ? setTimeout(expire, clampDelay(timeoutSeconds * 1000)) : undefined;
  return { [Symbol.dispose]: () => clearTimeout(timer) };
}

function explainEnd(error: NegotiatorError, isStarted: boolean): NegotiatorError {
  const isOurs = error.message.startsWith("The deadline has passed");
  if (error.code !== "TIMEOUT" || !isStarted || !isOurs) return error;
  const message = "The deadline has passed: the guest ends the command now";
  // The QEMU guest agent has no audit, where the end of the command could be looked up.
  return new NegotiatorError("TIMEOUT", message, { remedy: "Give it more time: --timeout SECONDS" });
}

/** The id of a call names a directory in the guest. */
function fileName(id: string): string {
  return id.replaceAll(/[^\w-]/g, "_");
}

/** The variables that a command has in every guest, here for root. */
function environmentOf(command: string, id: string): string[] {
  return [
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "LANG=C.UTF-8",
    "HOME=/root",
    "USER=root",
    "LOGNAME=root",
    `SHELL=/bin/sh`,
    "NEGOTIATOR_ROLE=guest",
    `NEGOTIATOR_COMMAND=${command}`,
    `NEGOTIATOR_CALL_ID=${fileName(id)}`,
  ];
}

function find<Stream>(stream: Stream | undefined, name: string): Stream {
  if (stream !== undefined) return stream;
  throw noStream("UNSUPPORTED", name);
}
