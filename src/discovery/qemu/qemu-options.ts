/** Reads a QEMU command line: the guest's name and UUID, and the sockets behind its virtio-serial ports. Pure. */
import { isPortName } from "../endpoint.ts";
import type { PortName } from "../endpoint.ts";

/** `path` is as the command line has it; a relative one counts from the process's working directory. */
export type QemuSocket = { port: PortName; path: string };
export type QemuGuest = { name?: string; uuid?: string; sockets: QemuSocket[] };

/**
 * The guest that `argv` (without the program's name) describes. Options and forms that don't matter here are passed over,
 * so are sockets that QEMU dials itself, abstract ones, and those handed over as `fd=` (libvirt's way), which have no
 * path. What was added later through the monitor is not on the command line. As not every option of QEMU is known here,
 * the value of another one that reads like `-device` is taken for that. Source: qemu(1), `util/qemu-option.c`.
 */
export function parseQemuCommandLine(argv: readonly string[]): QemuGuest {
  const guest: QemuGuest = { sockets: [] };
  const paths = new Map<string, string>();
  const ports: { chardev: string; port: PortName }[] = [];
  for (const [option, value] of optionsIn(argv)) {
    if (option === "name")
      Object.assign(guest, nonEmpty("name", parseOptionList(value, "guest").get("guest")));
    else if (option === "uuid") Object.assign(guest, nonEmpty("uuid", value.toLowerCase()));
    else if (option === "chardev") readChardev(parseOptionList(value, "backend"), paths);
    else ports.push(...readDevice(value));
  }
  guest.sockets = ports.flatMap(({ chardev, port }) => {
    const path = paths.get(chardev);
    return path === undefined ? [] : [{ port, path }];
  });
  return guest;
}

/**
 * `a=1,b,c=x,,y` → a: "1", b: "on", c: "x,y", and `nob` → b: "off". A first item without `=` belongs to `firstKey`; of
 * repeated keys the last counts.
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
  const isOurs = options.get("backend") === "socket" && isOn(options, "server") && !isOn(options, "abstract");
  if (isOurs && id !== undefined && path !== undefined) paths.set(id, path);
}

function isOn(options: ReadonlyMap<string, string>, key: string): boolean {
  return ["on", "yes", "true", "y"].includes(options.get(key) ?? "");
}

/** The JSON form of `-device` came with QEMU 6.0 and is what libvirt writes. */
function readDevice(text: string): { chardev: string; port: PortName }[] {
  const device = text.startsWith("{") ? parseJson(text) : parseOptionList(text, "driver");
  const [driver, chardev, name] = ["driver", "chardev", "name"].map((key) => device.get(key));
  if (driver !== "virtserialport" || typeof chardev !== "string") return [];
  return typeof name === "string" && isPortName(name) ? [{ chardev, port: name }] : [];
}

function parseJson(text: string): ReadonlyMap<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    return new Map(typeof value === "object" && value !== null ? Object.entries(value) : []);
  } catch {
    return new Map();
  }
}
