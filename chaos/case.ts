/** Owns the types of cases. */
import type { Random } from "../test/support/random.ts";
import type { CallKind, JudgedCall } from "./call.ts";
import type { MachineStage } from "./machine-stage.ts";
import type { Strike } from "./run-try.ts";
import type { Judgement } from "./judge.ts";
import type { EmulatedStage, StageOptions } from "./stage.ts";

/** Whether a case may end a call without its result. */
export type MayEnd = (call: JudgedCall) => boolean;

type CaseOf<Stage> = {
  /** In a few words, the disturbance. */
  what: string;
  mayEnd: MayEnd;
  /** The calls that each side makes before the disturbance; one of most kinds by default. */
  early?: readonly CallKind[];
  /** Disturbs, calls `during` while the disturbance lasts, and resolves when the channel is back. */
  strike: (stage: Stage, options: { random: Random; during: Parameters<Strike>[0] }) => Promise<void>;
};

/** A case between two daemons on this machine. */
export type EmulatedCase = CaseOf<EmulatedStage> & {
  kind: "emulated";
  /** Lines for the top of both configs; short limits of time by default. */
  settings?: string;
  /** Runs before the daemons start. Resolves with the way in which they are started, if it is another one. */
  prepare?: (place: Preparation) => Promise<void | StageOptions["wrap"]>;
  /** Where in the directory of the stage the audits and kept output go. */
  places?: string;
};

/** The binary and the directory of the stage. `held` is disposed after the daemons. */
export type Preparation = { binary: string; directory: string; held: AsyncDisposableStack };

/** A case with a real guest. All tries use one machine. */
export type MachineCase = CaseOf<MachineStage> & {
  kind: "machine";
  /** Gives QEMU a disk for snapshots. */
  hasSnapshots?: boolean;
  /** Whether a command may run again: the guest's memory knows nothing of the first time. */
  mayRepeat?: MayEnd;
  /** Runs before the calls of each try. */
  prepare?: (stage: MachineStage) => Promise<void>;
};

/** A case that makes its own calls. `directory` is empty. */
export type OwnCase = {
  kind: "own";
  what: string;
  run: (options: Omit<StageOptions, "random">) => Promise<Judgement & { recoveryMs: number }>;
};

/** A case. */
export type ChaosCase = EmulatedCase | MachineCase | OwnCase;

/** Every call goes on. */
export function endsNone(): boolean {
  return false;
}
