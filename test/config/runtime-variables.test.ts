/** Variables of the environment that change the program itself. */
import { expect, test } from "bun:test";
import { splitEnvironment } from "../../src/config/runtime-variables.ts";

function split(entries: readonly string[]) {
  const { kept, removed } = splitEnvironment(Buffer.from(entries.map((entry) => `${entry}\0`).join("")));
  return { kept: kept.map((entry) => Buffer.from(entry).toString()), removed };
}

test.each([
  "BUN_OPTIONS",
  "BUN_BE_BUN",
  "BUN_INSPECT",
  "BUN_INSPECT_CONNECT_TO",
  "BUN_INSPECT_NOTIFY",
  "BUN_INSPECT_PRELOAD",
  "BUN_CONFIG_FILE",
  "BUN_JSC_useDollarVM",
  "BUN_MADE_UP",
  "JSC_useJIT",
  "NODE_OPTIONS",
  "NODE_PATH",
  "NODE_EXTRA_CA_CERTS",
  "MIMALLOC_VERBOSE",
  "UV_THREADPOOL_SIZE",
  "LD_PRELOAD",
  "LD_LIBRARY_PATH",
  "LD_AUDIT",
  "GLIBC_TUNABLES",
  "GCONV_PATH",
  "MALLOC_CHECK_",
  "OPENSSL_CONF",
  "SSL_CERT_FILE",
  "LOCPATH",
  "RES_OPTIONS",
])("%s is removed", (name) => {
  expect(split(["PATH=/bin", `${name}=x`, "HOME=/root"])).toEqual({
    kept: ["PATH=/bin", "HOME=/root"],
    removed: [name],
  });
});

test("variables of the program, the system and the service manager stay", () => {
  const entries = ["PATH=/bin", "LANG=C", "TZ=UTC", "NEGOTIATOR_LOG_LEVEL=debug", "NOTIFY_SOCKET=/run/x"];
  const more = ["WATCHDOG_USEC=1", "JOURNAL_STREAM=1:2", "bun_options=x", "MY_BUN_OPTIONS=x", "BUN=x"];
  expect(split([...entries, ...more])).toEqual({ kept: [...entries, ...more], removed: [] });
});

test("an empty value, an entry without a value, and one named twice are removed", () => {
  expect(split(["BUN_OPTIONS=", "LD_PRELOAD", "A=1=2", "BUN_OPTIONS=x"])).toEqual({
    kept: ["A=1=2"],
    removed: ["BUN_OPTIONS", "LD_PRELOAD", "BUN_OPTIONS"],
  });
});

test("bytes that are not UTF-8 are kept as they are", () => {
  const bytes = Uint8Array.of(65, 61, 255, 0, 66, 61, 0);
  expect(splitEnvironment(bytes).kept.map((entry) => [...entry])).toEqual([
    [65, 61, 255],
    [66, 61],
  ]);
});
