/** Checks the tables `[[guests]]` of the config, for `check-config`. */
import type { NamedGuest } from "../../discovery/named.ts";
import { NegotiatorError } from "../../errors.ts";
import { DIALECTS } from "../../peers/dialects.ts";
import { printable } from "../../printable.ts";
import { createUserCache } from "../../process/user-cache.ts";
import type { Invocation } from "../cli/subcommand.ts";
import { createFinders } from "./finders.ts";

/** Returns the problems; an empty list if there are none. */
export async function judgeGuests({ config, dialects = DIALECTS }: Invocation): Promise<string[]> {
  try {
    createFinders(config.settings, [], dialects);
    return await findUnknownUsers(config.settings.guests);
  } catch (thrown) {
    return [NegotiatorError.from(thrown).message];
  }
}

/** A guest whose user does not exist cannot be connected to. */
async function findUnknownUsers(guests: readonly NamedGuest[]): Promise<string[]> {
  const users = createUserCache();
  await users.load(guests.flatMap(({ user }) => user ?? []));
  const problems = guests.map(async ({ name, user }, index) => {
    try {
      if (user !== undefined) await users.find(user);
      return [];
    } catch (thrown) {
      const { message } = NegotiatorError.from(thrown);
      return [`Cannot use guest ${index + 1} "${printable(name)}" of the config: ${message}`];
    }
  });
  return (await Promise.all(problems)).flat();
}
