/**
 * Finds variables of the environment that change the program itself: those of its runtime, of the C library
 * and of the loader. They load code, open an inspector, or change where files are looked for.
 */

/**
 * Every name that begins so belongs to the runtime, to what it is built from, or to the C library. Names that
 * no release reads yet are among them, because the next one may.
 */
const PREFIX =
  /^(?:BUN|NODE|JSC|WTF|MIMALLOC|UV|ICU|RUST|LD|MALLOC|GCONV|ASAN|LSAN|MSAN|TSAN|UBSAN)_|^Malloc$/;
/** Others of the C library and of OpenSSL, which is a part of the runtime. */
const NAME = /^(?:GLIBC_TUNABLES|LIBC_FATAL_STDERR_|GETCONF_DIR|GOMAXPROCS|LOCPATH|NLSPATH|TZDIR)$/;
const RESOLVER = /^(?:RES_OPTIONS|LOCALDOMAIN|HOSTALIASES)$/;
const OPENSSL = /^(?:SSL_CERT_FILE|SSL_CERT_DIR|SSLKEYLOGFILE|OPENSSL_CONF|OPENSSL_MODULES|OPENSSL_ENGINES)$/;

/** Returns whether a variable of this name changes the program. Upper and lower case differ. */
function isRuntimeVariable(name: string): boolean {
  return [PREFIX, NAME, RESOLVER, OPENSSL].some((pattern) => pattern.test(name));
}

/**
 * Returns the entries of `/proc/self/environ` (proc(5)), byte by byte: those to keep, and the names of those
 * that change the program.
 */
export function splitEnvironment(bytes: Uint8Array): { kept: Uint8Array[]; removed: string[] } {
  const kept: Uint8Array[] = [];
  const removed: string[] = [];
  for (let start = 0; start < bytes.length;) {
    const end = bytes.indexOf(0, start);
    const entry = bytes.subarray(start, end === -1 ? bytes.length : end);
    start += entry.length + 1;
    const name = Buffer.from(entry).toString("latin1").split("=", 1)[0] ?? "";
    if (isRuntimeVariable(name)) removed.push(name);
    else kept.push(entry);
  }
  return { kept, removed };
}
