/** Owns the calls of a try: their shell lines, and what they have to print. Pure. */

/** The side that calls. */
export type Role = "host" | "guest";

/**
 * The kinds of calls. `note` runs for some time and prints a line; `raw` and `text` send bytes to a command
 * that sends them back; `detached` is a `note` that outlives its caller; `waiting` starts while the
 * disturbance lasts; `later` starts as soon as it is over; `hangup` becomes detached when its terminal goes.
 */
export type CallKind = "note" | "raw" | "text" | "detached" | "waiting" | "later" | "hangup";

/** A call with its number, which its command writes down. */
export type Call = { number: number; kind: CallKind; from: Role };

/** How the shell line of a caller has ended, and when. */
export type CallerEnd = { atMs: number; exitCode: number; stdout: string; stderr: string };

/** The end of a shell line; undefined if it was killed because it did not end, `gone` with its machine. */
export type LineEnd = CallerEnd | "gone" | undefined;

/**
 * A call for the rules of a case. `wasAccepted`: its caller got the id of a detached call. `hasBegun`: its
 * command has begun.
 */
export type JudgedCall = Call & { wasAccepted?: boolean; hasBegun?: boolean };

/**
 * A call with its end. `wasInFlight`: it had begun before the disturbance, and ended after its begin.
 * `when`: in milliseconds since the disturbance began; negative before it.
 */
export type CallEnd = JudgedCall & {
  wasInFlight: boolean;
  when?: { madeMs: number; endedMs: number };
  ended: LineEnd;
};

/** A fault that the commands plant, and that a run must report. */
export type Plant = "drop" | "double" | "wrong";

/** The names of the faults. */
export const PLANTS: readonly Plant[] = ["drop", "double", "wrong"];

/** One call in so many has the planted fault. */
const PLANTED = 5;

/** How many pieces a stream's bytes come in, and the pause after each. */
export const STREAM_PIECES = 8;
const PIECE_SECONDS = 0.25;

/** The exit code of a call's command: never 0, and none that negotiator uses itself. */
export function exitCodeOf(number: number): number {
  return (number % 90) + 1;
}

/**
 * Returns the commands that a side offers. Each appends its number to the ledger when it begins
 * and when it is done. `append` is a shell function that writes its arguments there as a line, and syncs it.
 */
export function formatCommands(append: string, plant?: Plant): Readonly<Record<string, string>> {
  const head = [
    "#!/bin/sh",
    append,
    `plant=${plant ?? "none"}`,
    `[ $(($1 % ${PLANTED})) = 0 ] || plant=none`,
  ];
  const begin = ['append "$1 begun"', '[ $plant != double ] || append "$1 begun"'];
  const end = ['append "$1 done"', "[ $plant != drop ] || exit 125", "exit $(($1 % 90 + 1))"];
  const answer = '[ $plant != wrong ] && echo "answer $1" || echo "answer of another call"';
  const text = (...lines: readonly string[]): string =>
    `${[...head, ...begin, ...lines, ...end].join("\n")}\n`;
  return { note: text('sleep "$2"', answer), pass: text("cat") };
}

/**
 * The parts of a call's shell line: the words before the subcommand, the other side after the options, how
 * long a `note` takes, and where the bytes of streams are.
 */
export type LineWords = { program: string; peer: string; seconds: number; directory: string };

/** Returns the shell line that makes a call. */
export function formatLine({ number, kind }: Call, { program, peer, seconds, directory }: LineWords): string {
  const options = `--connect-timeout ${CONNECT_SECONDS} -t 0`;
  if (kind === "detached") return `${program} execute --detach ${options} ${peer} note ${number} ${seconds}`;
  if (kind === "hangup")
    return [
      `echo $$ >${directory}/pid.${number}`,
      `exec ${program} execute --detach-on-hangup ${options} ${peer} note ${number} ${seconds}`,
    ].join("\n");
  if (kind !== "raw" && kind !== "text")
    return `${program} execute -n ${options} ${peer} note ${number} ${seconds}`;
  const [whole, out] = [`${directory}/${kind}`, `${directory}/out.${number}`];
  return [
    `for piece in ${whole}.*; do cat $piece; sleep ${PIECE_SECONDS}; done |`,
    `${program} execute ${options} ${peer} pass ${number} >${out}; code=$?`,
    `size=$(wc -c <${out}); want=$(head -c $size ${whole} | sha256sum); got=$(sha256sum <${out}); rm ${out}`,
    '[ "$want" = "$got" ] && echo "same $size" || echo "differs in the first $size"; exit $code',
  ].join("\n");
}

/** The exit code of a command line whose terminal has gone. */
const HUNG_UP = 129;

/**
 * Returns the shell line that attaches to a call which has outlived its command line; undefined if it has
 * not. Its result is that of the call.
 */
export function formatAttachment(
  { number, kind }: Call,
  { exitCode, stdout }: Pick<CallerEnd, "exitCode" | "stdout">,
  { program, directory }: Pick<LineWords, "program" | "directory">,
): string | undefined {
  if (kind === "detached" && exitCode === 0) return `${program} attach ${stdout.trim()}`;
  if (kind !== "hangup" || exitCode !== HUNG_UP) return undefined;
  // The list has the process that started a call.
  const pattern = `.*"id":"\\([^"]*\\)".*"pid":'$pid',.*"direction":"out".*`;
  return [
    `pid=$(cat ${directory}/pid.${number})`,
    `id=$(${program} calls --json | sed -n 's/${pattern}/\\1/p')`,
    // On a busy machine the side that keeps the call may not answer in time.
    `[ -n "$id" ] || { printf 'no such call\\nTry again.' >&2; exit 125; }`,
    `exec ${program} attach $id`,
  ].join("\n");
}

/** A call waits so long for its peer. */
const CONNECT_SECONDS = 60;

/** Whether a call that reached its end has printed the right thing. */
export function isRightOutput({ number, kind }: Call, stdout: string, streamBytes: number): boolean {
  return stdout.trim() === (kind === "raw" || kind === "text" ? `same ${streamBytes}` : `answer ${number}`);
}

/** Whether a call that was ended early has printed the beginning of the right thing. */
export function isRightBeginning({ number, kind }: Call, stdout: string): boolean {
  if (kind === "raw" || kind === "text") return /^same \d+$/.test(stdout.trim());
  return `answer ${number}\n`.startsWith(stdout);
}
