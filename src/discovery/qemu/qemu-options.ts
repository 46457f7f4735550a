/** Reads a QEMU command line: the guest's name, its UUID and the sockets of its virtio-serial ports. */

/** `path` is written as on the command line; a relative one starts at the process's working directory. */
export type QemuSocket = { port: string; path: string };
/** A guest as its command line describes it; a member that is missing there is absent. */
export type QemuGuest = { name?: string; uuid?: string; sockets: QemuSocket[] };

/**
 * Returns the guest that `argv` (without the program's name) describes, with the sockets of those ports whose
 * names are in `known`. It skips sockets that QEMU dials itself, abstract sockets, and those that libvirt
 * passes as `fd=`, because they have no path. Ports that were added later through the monitor are not on the
 * command line. Not every option of QEMU is known here: a value of another option that reads `-device` counts
 * as that option.
 * Source: qemu(1), `util/qemu-option.c`.
 */
export function parseQemuCommandLine(argv: readonly string[], known: ReadonlySet<string>): QemuGuest {
  const guest: QemuGuest = { sockets: [] };
  const paths = new Map<string, string>();
  const devices: QemuPort[] = [];
  for (const [option, value] of optionsIn(argv)) {
    if (option === "name")
      Object.assign(guest, nonEmpty("name", parseOptionList(value, "guest").get("guest")));
    else if (option === "uuid") Object.assign(guest, nonEmpty("uuid", value.toLowerCase()));
    else if (option === "chardev") readChardev(parseOptionList(value, "backend"), paths);
    else devices.push(...readDevice(value));
  }
  guest.sockets = devices.flatMap(({ chardev, port }) => {
    const path = paths.get(chardev);
    return path === undefined || !known.has(port) ? [] : [{ port, path }];
  });
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

function readChardev(options: ReadonlyMap<string, string>, paths: Map<string, string>): void {
  const [id, path] = [options.get("id"), options.get("path")];
  const isListener =
    options.get("backend") === "socket" && isOn(options, "server") && !isOn(options, "abstract");
  if (isListener && id !== undefined && path !== undefined) paths.set(id, path);
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
