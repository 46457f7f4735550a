/** The links of one guest as plain data, for the program that replaces this one. */
import type { FrozenLink } from "../../peers/link.ts";
import type { Channel } from "../../wire/channel.ts";

/** The links of a guest as plain data: that of each port that is held, and the session without a port. */
export type FrozenPort = { port: string | undefined; isSession: boolean; link: FrozenLink };
/** The links of a guest that another program had, and the channels of their ports. */
export type AdoptedLinks = { links: readonly FrozenPort[]; channels: Map<string, Channel> };
