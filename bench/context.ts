/** Owns the types of a family: its input and its result. */
import type { Measurement } from "./row.ts";
import type { Yardsticks } from "./yardsticks.ts";

/** The run of the bench. */
export type BenchContext = {
  /** The absolute path of the compiled negotiator. */
  binary: string;
  /** How often each figure is measured; a row has the median. */
  rounds: number;
  yardsticks: Yardsticks;
  /** Tells the user what happens now. */
  say: (line: string) => void;
};

/** Measures the wanted rows of a family. Returns a measurement for each by name, and may return others. */
export type Measure = (
  context: BenchContext,
  wanted: ReadonlySet<string>,
) => Promise<Readonly<Record<string, Measurement>>>;
