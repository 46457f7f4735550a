/** Requests to the guest agent, and the members of answers that two agents on one machine may differ in. */

/** One request. `compare`: how the two answers are made equal before they are compared. */
export type ComparedRequest = {
  execute: string;
  args?: object;
  /** Sorts lists by this member: neither agent promises an order. */
  sortBy?: string;
  /** Members whose values are left out of the comparison, at any depth, with the reason. */
  without?: Readonly<Record<string, string>>;
};

const COUNTERS_RUN = "it counts on between the two answers";
const NEWER = "agents since 9.1 have it, and Debian's does not";

/** THE LIST of compared requests. */
export const REQUESTS: readonly ComparedRequest[] = [
  { execute: "guest-ping" },
  { execute: "guest-ping", args: { x: 1 } },
  { execute: "guest-sync", args: { id: 1234 } },
  { execute: "guest-sync", args: {} },
  { execute: "guest-sync", args: { id: "1" } },
  { execute: "guest-sync", args: { id: 1, more: true } },
  { execute: "guest-no-such-command" },
  { execute: "guest-get-host-name" },
  { execute: "guest-get-osinfo" },
  { execute: "guest-get-timezone" },
  { execute: "guest-get-users" },
  {
    execute: "guest-network-get-interfaces",
    sortBy: "name",
    without: { statistics: COUNTERS_RUN },
  },
  { execute: "guest-get-vcpus", sortBy: "logical-id" },
  { execute: "guest-get-memory-blocks", sortBy: "phys-index" },
  { execute: "guest-get-memory-block-info" },
  {
    execute: "guest-get-fsinfo",
    without: { "total-bytes-privileged": NEWER, "used-bytes": COUNTERS_RUN },
  },
  { execute: "guest-get-disks", sortBy: "name" },
  { execute: "guest-get-diskstats", sortBy: "name", without: { stats: COUNTERS_RUN } },
  {
    execute: "guest-get-cpustats",
    sortBy: "cpu",
    without: Object.fromEntries(
      ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guestnice"].map(
        (name) => [name, COUNTERS_RUN],
      ),
    ),
  },
  { execute: "guest-set-vcpus", args: { vcpus: [] } },
  { execute: "guest-set-vcpus", args: { vcpus: [{ "logical-id": 9999, online: true }] } },
  { execute: "guest-set-vcpus", args: { vcpus: [{ online: true }] } },
  { execute: "guest-set-memory-blocks", args: { "mem-blks": [{ "phys-index": 99_999, online: true }] } },
  { execute: "guest-set-time", args: { time: -5 } },
  { execute: "guest-fsfreeze-status" },
  { execute: "guest-fsfreeze-freeze-list", args: { mountpoints: ["/no/such/place"] } },
  { execute: "guest-fsfreeze-thaw" },
  { execute: "guest-fsfreeze-thaw", args: { x: 1 } },
  { execute: "guest-fstrim", args: { minimum: "x" } },
  { execute: "guest-set-user-password", args: { username: "a\nb", password: "eA==", crypted: false } },
  { execute: "guest-set-user-password", args: { username: "nobody", password: "eAp5", crypted: false } },
  { execute: "guest-set-user-password", args: { username: "nobody", password: "!", crypted: false } },
  { execute: "guest-set-user-password", args: { username: "no-user", password: "eA==", crypted: false } },
  { execute: "guest-ssh-add-authorized-keys", args: { username: "nobody", keys: ["#x"] } },
  { execute: "guest-ssh-remove-authorized-keys", args: { username: "nobody", keys: [""] } },
  { execute: "guest-ssh-add-authorized-keys", args: { username: "nobody", keys: ["a\nb"] } },
  { execute: "guest-ssh-remove-authorized-keys", args: { username: "nobody", keys: ["x y"] } },
  { execute: "guest-set-time", args: { time: "now" } },
  { execute: "guest-shutdown", args: { mode: "sideways" } },
  { execute: "guest-shutdown", args: { mode: 5 } },
  { execute: "guest-suspend-disk", args: { mode: "x" } },
  { execute: "guest-suspend-ram", args: { mode: "x" } },
  { execute: "guest-suspend-hybrid", args: { mode: "x" } },
  { execute: "guest-fsfreeze-freeze", args: { mountpoints: [] } },
  { execute: "guest-fsfreeze-freeze-list", args: { mountpoints: "/" } },
  {
    execute: "guest-ssh-get-authorized-keys",
    args: { username: "no-user" },
    without: { desc: "the other one adds an error number that its system call has not set" },
  },
  {
    execute: "guest-ssh-get-authorized-keys",
    args: { username: "nobody" },
    without: { desc: "the other one adds the words of its library and names the file twice" },
  },
  { execute: "guest-ssh-get-authorized-keys" },
  { execute: "guest-exec-status", args: { pid: "1" } },
  { execute: "guest-file-close", args: { handle: -1 } },
  { execute: "guest-file-flush", args: { handle: 5 } },
];

/** The commands of which only errors are compared, or nothing, with the reason. */
export const UNCOMPARED: Readonly<Record<string, string>> = {
  "guest-get-load": "agents since 10.0 have it",
  "guest-network-get-route": "agents since 9.1 have it",
  "guest-shutdown": "it ends this machine",
  "guest-suspend-disk": "it stops this machine",
  "guest-suspend-ram": "it stops this machine",
  "guest-suspend-hybrid": "it stops this machine",
  "guest-fsfreeze-freeze":
    "it freezes this machine; guest-fsfreeze-freeze-list is compared on another file system",
  "guest-fstrim": "it discards blocks of the disks of this machine",
  "guest-set-time": "it sets the clock of this machine",
  "guest-set-user-password": "it changes a user of this machine",
  "guest-ssh-add-authorized-keys": "it changes a user of this machine",
  "guest-ssh-remove-authorized-keys": "it changes a user of this machine",
  "guest-set-vcpus": "it switches off a processor of this machine",
  "guest-set-memory-blocks": "it switches off memory of this machine",
};

/** Bytes that are not requests, with the number of answers that both agents give. The answers are equal. */
export const INVALID: readonly (readonly [bytes: string, answers: number])[] = [
  ["}}}}\n", 4],
  ['{"a":01}\n', 2],
  ["[]\n", 1],
  ["1 \n", 1],
  ["{}\n", 1],
  ['{"execute":1}\n', 1],
  ['{"execute":"guest-ping","exec-oob":1}\n', 1],
  ['{"execute":"guest-ping","arguments":[]}\n', 1],
  ['{"execute":"guest-ping",}\n', 1],
  ['{"execute":"guest-ping","execute":"guest-ping"}\n', 1],
  ['{"execute":"guest-ping","id":nan}\n', 1],
  ['{"execute":"guest-\\q"}\n', 1],
  ['{"execute":"guest-ping","id":"\\ude00"}\n', 1],
  ['{"execute":"guest-ping","id":"\u00ed\u00a0\u0080"}\n', 1],
  ['{"execute":"guest-ping" "id":1}\n', 1],
  ['{"execute":"guest-ping",1:2}\n', 1],
  ['{"execute":"guest-pi\u00ffng"}\n', 2],
  ["[}\n", 1],
  ["}".repeat(1025), 1025],
  [`${"[".repeat(1025)}\n`, 1],
  ["\u00ff\u00ff", 2],
];

/** Returns an answer in the form in which the two are compared. */
export function comparable(answer: unknown, { sortBy, without = {} }: ComparedRequest): unknown {
  if (Array.isArray(answer)) {
    const items = answer.map((item) => comparable(item, { execute: "", without, ...(sortBy && { sortBy }) }));
    const key = (item: unknown): string => String(Object(item)[sortBy ?? ""]);
    return sortBy === undefined ? items : items.toSorted((one, other) => (key(one) < key(other) ? -1 : 1));
  }
  if (typeof answer !== "object" || answer === null) return answer;
  return Object.fromEntries(
    Object.entries(answer)
      .filter(([name]) => without[name] !== NEWER)
      .map(([name, member]) => [
        name,
        name in without
          ? shapeOf(member)
          : comparable(member, { execute: "", without, ...(sortBy && { sortBy }) }),
      ]),
  );
}

/** Returns a value with the types of its members in place of their values. */
function shapeOf(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return typeof value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}
