/** Draws on the whole terminal, without flicker, and gives the screen back as it was. */
import { signalSelf } from "../../process/run.ts";
import { standardOutput } from "../../standard-output.ts";

/** The terminal's second screen. Disposing shows the first one again. */
export type FullScreen = AsyncDisposable & {
  /** Replaces what the screen shows. No line may be wider than the screen. */
  draw(lines: readonly string[]): Promise<void>;
  /** Calls `redraw` when the size has changed, and after a stop by Ctrl-Z, until the screen is left. */
  onChange(redraw: () => void): void;
};

/** Second screen on and off, with the cursor hidden there. */
const ENTER = "\u001b[?1049h\u001b[?25l\u001b[?7l";
const LEAVE = "\u001b[?7h\u001b[?25h\u001b[?1049l";
/** The terminal shows what stands between these at once. One that does not know them ignores them. */
const [BEGIN, END] = ["\u001b[?2026h", "\u001b[?2026l"];
const HOME = "\u001b[H";
const ERASE_LINE = "\u001b[K";
const ERASE_REST = "\u001b[J";

/** Shows the second screen. It is left before the program stops by Ctrl-Z, and shown again after that. */
export async function createFullScreen(): Promise<FullScreen> {
  let redraw: (() => void) | undefined;
  const stop = async (): Promise<void> => {
    await write(LEAVE);
    signalSelf("SIGSTOP");
  };
  const onStop = (): void => void stop();
  const onGoOn = (): void => void write(ENTER).then(() => redraw?.());
  const onResize = (): void => redraw?.();
  process.on("SIGTSTP", onStop);
  process.on("SIGCONT", onGoOn);
  process.on("SIGWINCH", onResize);
  await write(ENTER);
  return {
    async draw(lines) {
      const text = lines.map((line) => line + ERASE_LINE).join("\r\n");
      await write(`${BEGIN}${HOME}${text}${ERASE_REST}${END}`);
    },
    onChange(next) {
      redraw = next;
    },
    async [Symbol.asyncDispose]() {
      process.off("SIGTSTP", onStop);
      process.off("SIGCONT", onGoOn);
      process.off("SIGWINCH", onResize);
      await write(LEAVE);
    },
  };
}

function write(text: string): Promise<boolean> {
  return standardOutput.write("stdout", text);
}
