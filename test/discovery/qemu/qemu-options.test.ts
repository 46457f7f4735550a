/** Reading command lines of old and new QEMU versions. */
import { expect, test } from "bun:test";
import { parseOptionList, parseQemuCommandLine } from "../../../src/discovery/qemu/qemu-options.ts";
import { AGENT_PORT, OWN_PORTS, PORTS_WITH_AGENT } from "../endpoint-sample.ts";

const PORT = "negotiator-host-to-guest.0";
const parse = (line: string) => parseQemuCommandLine(line.trim().split(/\s+/), OWN_PORTS);
const CHARDEV = "-chardev socket,id=c0,path=/run/s,server=on,wait=off";
const DEVICE = `-device virtserialport,chardev=c0,name=${PORT}`;

test.each([
  ["a=1,b=2", { a: "1", b: "2" }],
  ["web1", { first: "web1" }],
  ["web1,process=x", { first: "web1", process: "x" }],
  ["first=a,,b,c=,,,,", { first: "a,b", c: ",," }],
  ["a=x,,,b=y", { a: "x,", b: "y" }],
  ["a,,b,server,nowait", { first: "a,b", server: "on", wait: "off" }],
  ["a=1,a=2", { a: "2" }],
  ["path=/a=b", { path: "/a=b" }],
  ["a,,b='c',d", { first: "a,b='c'", d: "on" }],
  ["", {}],
  [",", {}],
])("the option list %j is read as %j", (text, expected) => {
  expect(Object.fromEntries(parseOptionList(text, "first"))).toEqual(expected);
});

test.each([
  ["server=on,wait=off", `${CHARDEV} ${DEVICE}`],
  ["server,nowait", `-chardev socket,id=c0,path=/run/s,server,nowait ${DEVICE}`],
  ["server without nowait", `-chardev socket,id=c0,path=/run/s,server ${DEVICE}`],
  ["backend= as a key", `-chardev backend=socket,id=c0,path=/run/s,server=yes ${DEVICE}`],
  ["two dashes and the device first", `-${DEVICE} -${CHARDEV}`],
  ["a JSON device", `${CHARDEV} -device {"driver":"virtserialport","chardev":"c0","nr":1,"name":"${PORT}"}`],
  ["driver= as a key", `${CHARDEV} -device driver=virtserialport,chardev=c0,name=${PORT}`],
])("a command line with %s gives the port's socket", (_, line) => {
  expect(parse(`-m 512 ${line} -nographic`).sockets).toEqual([{ port: PORT, path: "/run/s" }]);
});

test.each([
  ["socket,id=c0,path=/run/s", "a socket to which QEMU connects"],
  ["socket,id=c0,path=s,server=on,abstract=on", "an abstract socket, which has no file"],
  ["socket,id=c0,host=h,port=1,server=on", "a TCP socket"],
  ["socket,id=c0,path=/run/s,server=on,telnet=on", "a socket with telnet=on"],
  ["socket,id=c0,path=/run/s,server=on,websocket=on", "a socket with websocket=on"],
  ["pty,id=c0,path=/run/s", 'a chardev of the kind "pty"'],
  ["file,id=c0,path=/run/f", 'a chardev of the kind "file"'],
])("a port on the chardev %s is unfit: it is on %s", (chardev, kind) => {
  expect(parse(`-chardev ${chardev} ${DEVICE}`)).toEqual({ sockets: [], unfit: [{ port: PORT, kind }] });
});

test("a port of libvirt, on a descriptor, is not unfit", () => {
  expect(parse(`-chardev socket,id=c0,fd=28,server=on,wait=off ${DEVICE}`).unfit).toEqual([]);
});

test.each([
  ["a device without its chardev", DEVICE],
  ["a chardev without a device", CHARDEV],
  [
    "a chardev on a file descriptor, as from libvirt",
    `-chardev socket,id=c0,fd=28,server=on,wait=off ${DEVICE}`,
  ],
  ["a socket without server, which QEMU dials", `-chardev socket,id=c0,path=/run/s ${DEVICE}`],
  ["a socket with server=off, which QEMU dials", `-chardev socket,id=c0,path=/run/s,server=off ${DEVICE}`],
  ["an abstract socket", `-chardev socket,id=c0,path=s,server=on,abstract=on ${DEVICE}`],
  ["a TCP socket", `-chardev socket,id=c0,host=h,port=1,server=on ${DEVICE}`],
  ["a pty", `-chardev pty,id=c0,path=/run/s ${DEVICE}`],
  ["a console on the socket", `${CHARDEV} -device virtconsole,chardev=c0,name=${PORT}`],
  ["a port that is not known", `${CHARDEV} -device virtserialport,chardev=c0,name=${AGENT_PORT}`],
  ["a port without a name", `${CHARDEV} -device virtserialport,chardev=c0`],
  ["a device with invalid JSON", `${CHARDEV} -device {"driver":"virtserialport"`],
  [
    "a JSON device with members of wrong types",
    `${CHARDEV} -device {"driver":["virtserialport"],"chardev":1,"name":null}`,
  ],
  ["-device as the last word", `${CHARDEV} -device`],
])("a command line with %s gives no socket", (_, line) => {
  expect(parse(line).sockets).toEqual([]);
});

test("the port of another program gives its socket when it is known", () => {
  const line = `${CHARDEV} -device virtserialport,chardev=c0,name=${AGENT_PORT}`.split(" ");
  expect(parseQemuCommandLine(line, PORTS_WITH_AGENT).sockets).toEqual([
    { port: AGENT_PORT, path: "/run/s" },
  ]);
  expect(parseQemuCommandLine(line, OWN_PORTS).sockets).toEqual([]);
});

test("-name and -uuid give the guest's name and its UUID in lower case; empty ones give none", () => {
  expect(parse("-name guest=web1,debug-threads=on -uuid C7A5FDBD-cdaf-9455-926a-d65c16db1809")).toEqual({
    unfit: [],
    name: "web1",
    uuid: "c7a5fdbd-cdaf-9455-926a-d65c16db1809",
    sockets: [],
  });
  expect(parseQemuCommandLine(["-name", "a b,,c='d'"], OWN_PORTS).name).toBe("a b,c='d'");
  const nothing = { sockets: [], unfit: [] };
  expect(parse("-name process=x")).toEqual(nothing);
  expect(parseQemuCommandLine(["-name", ""], OWN_PORTS)).toEqual(nothing);
});
