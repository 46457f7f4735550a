/** Asks the host's daemon what it knows of its guests. */
import { dialControl } from "../cli/control-client.ts";
import { askDaemon } from "../cli/ask-daemon.ts";
import { StatusSchema } from "./status.ts";
import type { GuestStatus } from "./status.ts";

/** The guests that run; undefined when no daemon listens at `controlPath`. */
export async function askStatus(controlPath: string): Promise<GuestStatus[] | undefined> {
  return (await askWholeStatus(controlPath))?.filter(({ state }) => state !== "saved");
}

/** The same with the guests that are saved. */
export async function askWholeStatus(controlPath: string): Promise<GuestStatus[] | undefined> {
  await using control = await dialControl("host", controlPath);
  if (control === undefined) return undefined;
  return (await askDaemon(control, "status", StatusSchema)).guests;
}
