/** Asks a child of this program what a file system or a directory service may never answer. */
import { ANSWER_WORD, OWN_ENVIRONMENT, ownCommandLine } from "./own-program.ts";

/** How long a child may take for a question, in milliseconds. */
export const QUESTION_MS = 5000;

/**
 * Resolves with the answer of a child to `question`; both are JSON. Undefined if it gives none in time, at
 * most `limitMs`. While a child works on a question, the next one for the same question waits for its end.
 * While a child is there that even SIGKILL does not end, no other is started: the answer is undefined.
 */
export async function ask(question: object, limitMs = QUESTION_MS): Promise<unknown> {
  const { promise: late, resolve: giveUp } = Promise.withResolvers<undefined>();
  const timer = setTimeout(giveUp, limitMs);
  const answer = await Promise.race([askInTurn(JSON.stringify(question)), late]);
  clearTimeout(timer);
  return answer;
}

/** `next` is the answer for those who have asked meanwhile. */
type Asked = { answer: Promise<unknown>; isLate: boolean; next?: Promise<unknown> };

/** The questions whose children have not ended. */
const asked = new Map<string, Asked>();

async function askInTurn(text: string): Promise<unknown> {
  const before = asked.get(text);
  if (before === undefined) return start(text).answer;
  if (before.isLate) return undefined;
  // The child may have looked before the asker came, so its answer may be too old.
  before.next ??= before.answer.then(() => askInTurn(text));
  return before.next;
}

function start(text: string): Asked {
  const child = Bun.spawn({ ...childFor(text), stderr: "ignore" });
  const { promise: late, resolve: giveUp } = Promise.withResolvers<undefined>();
  const own: Asked = { answer: late, isLate: false };
  const timer = setTimeout(() => {
    own.isLate = true;
    child.unref();
    giveUp(undefined);
  }, QUESTION_MS + KILL_MS);
  const answering = child.stdout.text().then((answer): unknown => {
    clearTimeout(timer);
    asked.delete(text);
    return answer === "" ? undefined : JSON.parse(answer);
  });
  own.answer = Promise.race([answering, late]);
  asked.set(text, own);
  return own;
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
    timeout: QUESTION_MS,
    killSignal: "SIGKILL",
  } as const;
}
