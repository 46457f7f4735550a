/** Reads a QEMU command line: the guest's name, its UUID and the sockets of its virtio-serial ports. */

/** `path` is written as on the command line; a relative one starts at the process's working directory. */
export type QemuSocket = { port: string; path: string };
/** A port to which no socket of a path leads. `kind`: the other end of it, as after "on". */
export type UnfitPort = { port: string; kind: string };
/** A guest as its command line describes it; a member that is missing there is absent. */
export type QemuGuest = { name?: string; uuid?: string; sockets: QemuSocket[]; unfit: UnfitPort[] };

/**
 * Returns the guest that `argv` (without the program's name) describes, with the sockets of those ports whose
 * names are in `known`. `unfit` has those ports that are on anything else, such as a socket that QEMU dials
 * itself. It skips the sockets that libvirt passes as `fd=`, because they have no path. Ports that were added
 * later through the monitor are not on the command line. Not every option of QEMU is known here: a value of
 * another option that reads `-device` counts as that option.
 * Source: qemu(1), `util/qemu-option.c`.
 */
export function parseQemuCommandLine(argv: readonly string[], known: ReadonlySet<string>): QemuGuest {
  const guest: QemuGuest = { sockets: [], unfit: [] };
  const chardevs = new Map<string, Chardev>();
  const devices: QemuPort[] = [];
  for (const [option, value] of optionsIn(argv)) {
    if (option === "name")
      Object.assign(guest, nonEmpty("name", parseOptionList(value, "guest").get("guest")));
    else if (option === "uuid") Object.assign(guest, nonEmpty("uuid", value.toLowerCase()));
    else if (option === "chardev") readChardev(parseOptionList(value, "backend"), chardevs);
    else devices.push(...readDevice(value));
  }
  for (const { chardev, port } of devices.filter((device) => known.has(device.port))) {
    const found = chardevs.get(chardev);
    if (found === undefined) continue;
    if ("path" in found) guest.sockets.push({ port, path: found.path });
    else guest.unfit.push({ port, kind: found.kind });
  }
  return guest;
}

/**
 * Returns the keys and values of a QEMU option's value: `a=1,b,c=x,,y` → a: "1", b: "on", c: "x,y", and `nob`
 * → b: "off". A first item without `=` is the value of `firstKey`. The last of repeated keys counts.
 */
export function parseOptionList(text: string, firstKey: string): Map<string, string> {
  const options = new Map<string, string>();
  for (const [index, raw] of (text.match(/(?:[^,]|,,)+/g) ?? []).entries()) {
    const [, key, value = ""] = /^([^=,]*)=(.*)$/s.exec(raw) ?? [];
    const word = raw.replaceAll(",,", ",");
    if (key !== undefined) options.set(key, value.replaceAll(",,", ","));
    else if (index === 0) options.set(firstKey, word);
    else if (word.startsWith("no")) options.set(word.slice(2), "off");
    else options.set(word, "on");
  }
  return options;
}

const OPTION = /^--?(name|uuid|chardev|device)$/;

function* optionsIn(argv: readonly string[]): Generator<[string, string]> {
  const words = argv.values();
  for (const word of words) {
    const [, option] = OPTION.exec(word) ?? [];
    const { value } = option === undefined ? {} : words.next();
    if (option !== undefined && value !== undefined) yield [option, value];
  }
}

function nonEmpty(key: "name" | "uuid", value = ""): Partial<QemuGuest> {
  return value === "" ? {} : { [key]: value };
}

type Chardev = { path: string } | { kind: string };

function readChardev(options: ReadonlyMap<string, string>, chardevs: Map<string, Chardev>): void {
  const [id, path] = [options.get("id"), options.get("path")];
  const kind = findKind(options);
  if (id === undefined) return;
  if (kind !== undefined) chardevs.set(id, { kind });
  else if (path !== undefined) chardevs.set(id, { path });
}

/** Returns the kind of a chardev that is not a plain socket at which QEMU listens. */
function findKind(options: ReadonlyMap<string, string>): string | undefined {
  const backend = options.get("backend") ?? "";
  if (backend !== "socket") return `a chardev of the kind "${backend}"`;
  if (options.has("host") || options.has("port")) return "a TCP socket";
  if (isOn(options, "abstract")) return "an abstract socket, which has no file";
  if (options.has("path") && !isOn(options, "server")) return "a socket to which QEMU connects";
  // These put other bytes between ours.
  const wrapper = ["telnet", "tn3270", "websocket"].find((key) => isOn(options, key));
  return wrapper === undefined ? undefined : `a socket with ${wrapper}=on`;
}

function isOn(options: ReadonlyMap<string, string>, key: string): boolean {
  return ["on", "yes", "true", "y"].includes(options.get(key) ?? "");
}

type QemuPort = { chardev: string; port: string };

function readDevice(text: string): QemuPort[] {
  // QEMU accepts JSON since 6.0, and libvirt writes it.
  const device = text.startsWith("{") ? parseJson(text) : parseOptionList(text, "driver");
  const [driver, chardev, name] = ["driver", "chardev", "name"].map((key) => device.get(key));
  if (driver !== "virtserialport" || typeof chardev !== "string") return [];
  return typeof name === "string" ? [{ chardev, port: name }] : [];
}

function parseJson(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}
