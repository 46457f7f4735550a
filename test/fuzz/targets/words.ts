/** Fuzz targets of command lines. */
import { readSeconds } from "../../../src/roles/cli/call-limits.ts";
import { HOST_FORM, readOptionForm } from "../../../src/roles/cli/option-form.ts";
import { splitWords } from "../../../src/roles/cli/shell-words.ts";
import { readWords } from "../../../src/roles/cli/tokenizer.ts";
import { printable } from "../../../src/printable.ts";
import { shellLine } from "../../../src/shell-word.ts";
import type { FuzzRound, FuzzTarget } from "../fuzz-target.ts";
import { makeText, toCorpus } from "../mutation.ts";
import { refusesWith } from "./refusals.ts";

const LINES = toCorpus([
  'check-process \'backup agent\' "a\\"b" \\ c',
  "--list-guests\n-t 60 -e x web1",
  "--execute=a --no-stdin -vvq --config=/c -- -x --timeout",
  "'\"'\"' $HOME `x` a\\\nb",
  "-t 1e3 -t 0.5 -t -1",
]);

/** The targets by name. */
export const WORD_TARGETS: Readonly<Record<string, FuzzTarget>> = {
  words: {
    what: "words for a shell are split, or refused with BAD_USAGE, and quoted words come back",
    start: (): FuzzRound => (random) => {
      const words = refusesWith(["BAD_USAGE"], () => splitWords(makeText(LINES, random)));
      if (words === undefined) return;
      const shown = words.map((word) => printable(word));
      const back = splitWords(shellLine(words));
      if (!Bun.deepEquals(back, shown)) throw new Error(`${JSON.stringify(shown)}: ${JSON.stringify(back)}`);
    },
  },
  options: {
    what: "options are read, or refused with BAD_USAGE",
    start: (): FuzzRound => (random) => {
      const argv = makeText(LINES, random).split(random.pick([" ", "\n", "="]));
      refusesWith(["BAD_USAGE"], () => readOptionForm(argv, HOST_FORM, (word) => word === "execute"));
      refusesWith(["BAD_USAGE"], () =>
        readWords(argv, { args: HOST_FORM.args, help: "--help", restAfter: 1 }),
      );
      refusesWith(["BAD_USAGE"], () => readSeconds("--timeout", argv[0] ?? ""));
    },
  },
};
