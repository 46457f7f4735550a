/** Messages of python-negotiator 0.12.2 and their recorded bytes. */
import { legacyEnvelope } from "../../../src/peers/legacy/envelope.ts";
import { native } from "../../../src/wire/dialects/native.ts";
import type { Message } from "../../../src/wire/message.ts";
import type { EnvelopeTable } from "../../wire/dialects/conformance.ts";

const LONG = "x".repeat(1024 * 1024 - 1);

const call = (method: string, args: readonly unknown[], kw: object = {}): Message => ({
  kind: "request",
  method,
  params: { args, kw },
});
const execute = (...args: readonly string[]): Message => call("execute", args, { capture: true });
const result = (value: unknown): Message => ({ kind: "result", result: value });
const failure = (message: string): Message => ({ kind: "failure", error: { code: "INTERNAL", message } });

export const legacyTable: EnvelopeTable = {
  name: "legacy",
  envelope: legacyEnvelope,
  others: [native],
  cases: [
    {
      name: "a call without arguments",
      message: call("list_commands", []),
      wire: '49\n{"args": [], "kw": {}, "method": "list_commands"}',
    },
    {
      name: "a call of a command",
      message: execute("find-ip-addresses"),
      wire: '77\n{"args": ["find-ip-addresses"], "kw": {"capture": true}, "method": "execute"}',
    },
    {
      name: "a call with arguments that a shell would change",
      message: execute("echo-args", "one", "two words", "$HOME", ";", "", "q'q"),
      wire:
        '114\n{"args": ["echo-args", "one", "two words", "$HOME", ";", "", "q\'q"], ' +
        '"kw": {"capture": true}, "method": "execute"}',
    },
    {
      name: "a call with input",
      message: call("execute", ["cat"], { input: "é\n" }),
      wire: '67\n{"args": ["cat"], "kw": {"input": "\\u00e9\\n"}, "method": "execute"}',
    },
    {
      name: "a list",
      message: result(["echo-stdin", "fail3", "two words"]),
      wire: '65\n{"result": ["echo-stdin", "fail3", "two words"], "success": true}',
    },
    {
      name: "text of several lines",
      message: result("127.0.0.1/8\n192.0.2.2/24\n"),
      wire: '58\n{"result": "127.0.0.1/8\\n192.0.2.2/24\\n", "success": true}',
    },
    { name: "empty text", message: result(""), wire: '31\n{"result": "", "success": true}' },
    {
      name: "text with quotes",
      message: result("6 ['one', 'two words', '$HOME', ';', '', \"q'q\"]"),
      wire: "80\n{\"result\": \"6 ['one', 'two words', '$HOME', ';', '', \\\"q'q\\\"]\", \"success\": true}",
    },
    {
      name: "text outside of ASCII, and outside of the first plane",
      message: result("naïve ☃ 😀"),
      wire: '61\n{"result": "na\\u00efve \\u2603 \\ud83d\\ude00", "success": true}',
    },
    { name: "NUL", message: result("a\0b"), wire: '39\n{"result": "a\\u0000b", "success": true}' },
    {
      name: "1 MiB of output",
      message: result(`${LONG}\n`),
      wire: `1048608\n{"result": "${LONG}\\n", "success": true}`,
    },
    { name: "no result", message: result(null), wire: '33\n{"result": null, "success": true}' },
    {
      name: "the failure of a command",
      message: failure(
        "External command failed with exit code 3!\n\nCommand:\n/usr/lib/negotiator/commands/fail3 x\n\n" +
          "Standard output:\npartial-out",
      ),
      wire:
        '155\n{"success": false, "error": "External command failed with exit code 3!\\n\\nCommand:\\n' +
        '/usr/lib/negotiator/commands/fail3 x\\n\\nStandard output:\\npartial-out"}',
    },
    {
      name: "a failure of the agent itself",
      message: failure("'utf8' codec can't decode byte 0xff in position 0: invalid start byte"),
      wire:
        '100\n{"success": false, "error": "\'utf8\' codec can\'t decode byte 0xff in position 0: ' +
        'invalid start byte"}',
    },
    {
      name: "a failure with a code, of which only the text is said",
      message: { kind: "failure", error: { code: "DENIED", message: "No", data: { a: 1 } } },
      wire: '33\n{"success": false, "error": "No"}',
      readsAs: failure("No"),
    },
    {
      name: "a result with an id, which is not said",
      message: { kind: "result", id: "four", result: "12", streams: {} },
      wire: '33\n{"result": "12", "success": true}',
      readsAs: result("12"),
    },
  ],
  spellings: [
    {
      name: "blanks and zeros around the count",
      wire: '  027  \r\n{"method":"list_commands"}\n',
      message: call("list_commands", []),
    },
    {
      name: "compact JSON with members nobody knows",
      wire: '53\n{"method":"m","kw":{"a":1},"args":["é"],"more":[{}]}',
      message: call("m", ["é"], { a: 1 }),
    },
    { name: "success without a result", wire: '16\n{"success":true}', message: result(null) },
    {
      name: "an error that is no text",
      wire: '35\n{"success":false,"error":{"a":[1]}}',
      message: failure('{"a": [1]}'),
    },
  ],
  unencodable: [
    { kind: "notice", method: "m", params: {} },
    { kind: "request", method: "m", params: {} },
    { kind: "request", method: "m", params: [] },
    { kind: "ping" },
    { kind: "data", call: "one", stream: "stdout", offset: 0, bytes: new Uint8Array(1) },
    { kind: "message", call: "one", name: "cancel", value: {} },
  ],
  unreadable: [
    '{"success": 1}',
    '{"success": null, "result": 1}',
    '{"method": 1}',
    '{"args": []}',
    "[]",
    '{"method": "m"',
  ],
};
