/** The options and the configuration file of the program under the name of the QEMU guest agent. */
import { expect, test } from "bun:test";
import { chmod } from "node:fs/promises";
import { formatAgentLine, formatAgentWords, readAgentLine } from "../../../src/roles/guest/agent-options.ts";
import { errorOf } from "../../support/error-of.ts";
import { createTemporaryDirectory } from "../../support/temporary-directory.ts";

const NO_FILE = "/dev/null";

test.each<[words: readonly string[], expected: object]>([
  [[], { action: "run", method: "virtio-serial", path: "", isDaemon: false, allowed: [], blocked: [] }],
  [["-m", "unix-listen", "-p", "/run/x"], { method: "unix-listen", path: "/run/x" }],
  [["-munix-listen", "--path=/run/x"], { method: "unix-listen", path: "/run/x" }],
  [["-b", "a,b", "--block-rpcs=c"], { blocked: ["a", "b", "c"] }],
  [["--blacklist", "a; b"], { blocked: ["a", "b"] }],
  [["-a", "a"], { allowed: ["a"] }],
  [["-b", "help"], { action: "list" }],
  [["-vd"], { isVerbose: true, isDaemon: true }],
  [["-D"], { action: "dump" }],
  [["-V"], { action: "version" }],
  [["-h"], { action: "help" }],
  [["-F"], { freezeHook: "/etc/qemu/fsfreeze-hook" }],
  [["-F/x"], { freezeHook: "/x" }],
  [["--fsfreeze-hook=/x", "-v"], { freezeHook: "/x", isVerbose: true }],
  [
    ["-t", "/state", "-f", "/pid", "-l", "/log", "-r"],
    { stateDirectory: "/state", pidFile: "/pid", retries: true },
  ],
])("the words %j are read", (words, expected) => {
  expect(readAgentLine(words, NO_FILE)).toMatchObject(expected);
});

test.each<[words: readonly string[], problem: string]>([
  [["--nonsense-word"], 'There is no option "--nonsense-word"'],
  [["word"], 'There is no option "word"'],
  [["-p"], 'The option "-p" needs a value'],
  [["-m", "tcp-listen"], 'The method "tcp-listen" is not one of'],
])("the words %j are refused", (words, problem) => {
  const error = errorOf(() => readAgentLine(words, NO_FILE));
  expect(error.code).toBe("BAD_USAGE");
  expect(error.message).toStartWith(problem);
  expect(error.message).toEndWith("\nRead the help: qemu-ga --help");
});

test("vsock-listen is refused with the reason and another way", () => {
  const { message } = errorOf(() => readAgentLine(["-m", "vsock-listen", "-p", "3:1234"], NO_FILE));
  expect(message).toStartWith("Cannot listen at vsock: the runtime of this program has no such sockets");
  expect(message).toContain("socat VSOCK-LISTEN:");
});

const FILE = `# a comment
[other]
path=/wrong
[general]
daemon=false
method = unix-listen
path=/from/file
verbose=true
block-rpcs=guest-exec
`;

test("words win over the file of QGA_CONF, and lists add up", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("qemu-ga.conf", FILE);
  const expected = { method: "unix-listen", path: "/word", isVerbose: true, isDaemon: false };
  const words = ["-p", "/word", "-b", "guest-ping"];
  expect(readAgentLine(words, file)).toMatchObject({ ...expected, blocked: ["guest-exec", "guest-ping"] });
  expect(readAgentLine([...words, "-c", file], NO_FILE)).toMatchObject(expected);
});

test("a file that is named and missing is an error", () => {
  const error = errorOf(() => readAgentLine([], "/no/such/file"));
  expect(error.code).toBe("BAD_CONFIG");
  expect(error.message).toStartWith('Cannot read "/no/such/file"');
});

test("the printed options, and the words for the background, are read as the same options", async () => {
  await using directory = await createTemporaryDirectory();
  const words = [
    "-m",
    "unix-listen",
    "-p",
    "/x",
    "-F/hook",
    "-b",
    "a,b",
    "-a",
    "c",
    "-v",
    "-r",
    "-t",
    "/state",
  ];
  const line = readAgentLine(words, NO_FILE);
  expect(readAgentLine([], await directory.write("conf", formatAgentLine(line)))).toEqual(line);
  expect(readAgentLine(formatAgentWords(line), undefined)).toEqual(line);
});

test("a file that others can write is refused, and so is one in a directory of another user", async () => {
  await using directory = await createTemporaryDirectory();
  const file = await directory.write("etc/qemu-ga.conf", FILE);
  await chmod(file, 0o666);
  const { code, message } = errorOf(() => readAgentLine([], file));
  expect(code).toBe("BAD_CONFIG");
  expect(message).toContain("its group or everybody may write to it\nCorrect it with: chmod go-w ");
  await chmod(file, 0o644);
  await chmod(directory.at("etc"), 0o777);
  expect(errorOf(() => readAgentLine(["-c", file], NO_FILE)).message).toContain("everybody may write to");
});
