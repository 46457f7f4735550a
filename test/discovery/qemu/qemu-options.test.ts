/** Reading QEMU command lines of all ages. */
import { expect, test } from "bun:test";
import { parseOptionList, parseQemuCommandLine } from "../../../src/discovery/qemu/qemu-options.ts";

const PORT = "negotiator-host-to-guest.0";
const parse = (line: string) => parseQemuCommandLine(line.trim().split(/\s+/));
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
])("the list %j", (text, expected) => {
  expect(Object.fromEntries(parseOptionList(text, "first"))).toEqual(expected);
});

test.each([
  ["today's form", `${CHARDEV} ${DEVICE}`],
  ["the old form", `-chardev socket,id=c0,path=/run/s,server,nowait ${DEVICE}`],
  ["waiting", `-chardev socket,id=c0,path=/run/s,server ${DEVICE}`],
  ["named first keys", `-chardev backend=socket,id=c0,path=/run/s,server=yes ${DEVICE}`],
  ["two dashes, any order", `-${DEVICE} -${CHARDEV}`],
  ["JSON", `${CHARDEV} -device {"driver":"virtserialport","chardev":"c0","nr":1,"name":"${PORT}"}`],
  ["driver=", `${CHARDEV} -device driver=virtserialport,chardev=c0,name=${PORT}`],
])("finds the socket: %s", (_, line) => {
  expect(parse(`-m 512 ${line} -nographic`).sockets).toEqual([{ port: PORT, path: "/run/s" }]);
});

test.each([
  ["no such chardev", DEVICE],
  ["no device", CHARDEV],
  ["libvirt's descriptor", `-chardev socket,id=c0,fd=28,server=on,wait=off ${DEVICE}`],
  ["QEMU dials", `-chardev socket,id=c0,path=/run/s ${DEVICE}`],
  ["QEMU dials", `-chardev socket,id=c0,path=/run/s,server=off ${DEVICE}`],
  ["abstract", `-chardev socket,id=c0,path=s,server=on,abstract=on ${DEVICE}`],
  ["TCP", `-chardev socket,id=c0,host=h,port=1,server=on ${DEVICE}`],
  ["a pty", `-chardev pty,id=c0,path=/run/s ${DEVICE}`],
  ["a console", `${CHARDEV} -device virtconsole,chardev=c0,name=${PORT}`],
  ["another port", `${CHARDEV} -device virtserialport,chardev=c0,name=org.qemu.guest_agent.0`],
  ["no name", `${CHARDEV} -device virtserialport,chardev=c0`],
  ["broken JSON", `${CHARDEV} -device {"driver":"virtserialport"`],
  ["odd JSON", `${CHARDEV} -device {"driver":["virtserialport"],"chardev":1,"name":null}`],
  ["nothing follows", `${CHARDEV} -device`],
])("passes over: %s", (_, line) => {
  expect(parse(line).sockets).toEqual([]);
});

test("reads name and UUID", () => {
  expect(parse("-name guest=web1,debug-threads=on -uuid C7A5FDBD-cdaf-9455-926a-d65c16db1809")).toEqual({
    name: "web1",
    uuid: "c7a5fdbd-cdaf-9455-926a-d65c16db1809",
    sockets: [],
  });
  expect(parseQemuCommandLine(["-name", "a b,,c='d'"]).name).toBe("a b,c='d'");
  expect(parse("-name process=x")).toEqual({ sockets: [] });
  expect(parseQemuCommandLine(["-name", ""])).toEqual({ sockets: [] });
});
