/** Reads the words of the command lines that measure: the bench, the attacks and chaos. Pure. */

/** The action of each option. `values` take a word; `flags` take none. `-h` stands for `--help`. */
export type OptionActions = {
  values: Readonly<Record<string, (text: string, name: string) => unknown>>;
  flags: Readonly<Record<string, () => unknown>>;
};

/** Calls the action of each option in turn. Throws an error with a message of one line for wrong usage. */
export function readOptionWords(words: readonly string[], { values, flags }: OptionActions): void {
  const queue = [...words];
  const takeValue = (option: string): string => {
    const next = queue.shift();
    if (next === undefined || next === "") throw new Error(`option ${option} needs a value`);
    return next;
  };
  for (let word = queue.shift(); word !== undefined; word = queue.shift()) {
    const [, given = word, attached] = /^(--[^=]+)=(.*)$/s.exec(word) ?? [];
    const name = given === "-h" ? "--help" : given;
    if (attached !== undefined) queue.unshift(attached);
    if (Object.hasOwn(values, name)) values[name]?.(takeValue(name), name);
    else if (attached !== undefined) throw new Error(`unknown option "${name}" with a value (see --help)`);
    else if (Object.hasOwn(flags, name)) flags[name]?.();
    else throw new Error(`unknown word "${name}" (see --help)`);
  }
}
