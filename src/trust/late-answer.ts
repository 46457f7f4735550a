/** Asks a child of this program what a file system or a directory service may never answer. */
import { startChildClock } from "./child-clock.ts";
import { ANSWER_WORD, OWN_ENVIRONMENT, ownCommandLine } from "./own-program.ts";

/** How long a child may take for a question once it has started, in milliseconds. */
export const QUESTION_MS = 5000;

/**
 * Resolves with the answer of a child to `question`; both are JSON. Undefined if it gives none in time, at
 * most `limitMs` after the start of the child. While a child works on a question, the next one for the same
 * question waits for its end. While a child is there that even SIGKILL does not end, no other is started: the
 * answer is undefined.
 */
export async function ask(question: object, limitMs = QUESTION_MS): Promise<unknown> {
  const { promise: late, resolve: giveUp } = Promise.withResolvers<undefined>();
  const clock = startChildClock(limitMs, () => giveUp(undefined));
  const answer = await Promise.race([askInTurn(JSON.stringify(question), clock.begun), late]);
  clock.stop();
  return answer;
}

/** `next` is the answer for those who have asked meanwhile. */
type Asked = { begun: Promise<void>; answer: Promise<unknown>; isLate: boolean; next?: Promise<unknown> };

/** The questions whose children have not ended. */
const asked = new Map<string, Asked>();

async function askInTurn(text: string, onBegun?: () => void): Promise<unknown> {
  const before = asked.get(text);
  const child = before ?? start(text);
  void child.begun.then(onBegun);
  if (before === undefined) return child.answer;
  if (before.isLate) return undefined;
  // The child may have looked before the asker came, so its answer may be too old.
  before.next ??= before.answer.then(() => askInTurn(text));
  return before.next;
}

function start(text: string): Asked {
  const child = Bun.spawn({ ...childFor(text), stderr: "ignore" });
  const { promise: late, resolve: giveUp } = Promise.withResolvers<undefined>();
  const { promise: begun, resolve: setBegun } = Promise.withResolvers<void>();
  const own: Asked = { begun, answer: late, isLate: false };
  let killing: ReturnType<typeof setTimeout> | undefined;
  const clock = startChildClock(QUESTION_MS, () => {
    child.kill("SIGKILL");
    killing = setTimeout(() => {
      own.isLate = true;
      child.unref();
      giveUp(undefined);
    }, KILL_MS);
  });
  const answering = readAnswer(child.stdout, () => {
    clock.begun();
    setBegun();
  }).then((answer): unknown => {
    clock.stop();
    clearTimeout(killing);
    asked.delete(text);
    return answer.trim() === "" ? undefined : JSON.parse(answer);
  });
  own.answer = Promise.race([answering, late]);
  asked.set(text, own);
  return own;
}

async function readAnswer(stdout: ReadableStream<Uint8Array>, onBegun: () => void): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const bytes of stdout) {
    onBegun();
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString();
}

/** The time that SIGKILL takes on a busy machine. */
const KILL_MS = 500;

/** Returns the options of `Bun.spawn` for the child of a question in JSON. */
export function childFor(text: string) {
  return {
    cmd: ownCommandLine([ANSWER_WORD]),
    cwd: "/",
    env: OWN_ENVIRONMENT,
    stdin: Buffer.from(text),
    stdout: "pipe",
  } as const;
}
