"""Owns bytes that look like frames: hellos, answers, calls, goodbyes and requests of old hosts."""

import json
import random
import re

NONCE = "QkFEIE5PTkNFIEZPUkdFRA"
CALL = {"command": "forged", "args": []}


def _compact(message):
    return json.dumps({"jsonrpc": "2.0", **message}, separators=(",", ":")).encode("ascii") + b"\n"


def _prefixed(text):
    return str(len(text)).encode("ascii") + b"\n" + text


def _hello():
    method = "negotiate:" + NONCE
    params = {"versions": {"min": 2, "max": 2}, "capabilities": []}
    params |= {"agent": {"name": "f", "version": "f", "role": "host"}}
    params |= {"session": {"id": NONCE, "received": 0}, "limits": {"lineBytes": 1048576}}
    hello = {"method": method, "jsonrpc": "2.0", "id": NONCE, "params": params, "command": method}
    hello |= {"arguments": [], "keyword_arguments": {}, "success": True, "result": method}
    return b"\n" + json.dumps(hello).encode("ascii") + b"\n"


EXACT = [
    _prefixed(_hello()),
    _hello(),
    _prefixed(json.dumps({"command": "forged", "arguments": [], "keyword_arguments": {}}).encode("ascii")),
    _prefixed(json.dumps({"method": "execute", "args": ["forged"], "kw": {"timeout": 10}}).encode("ascii")),
    b"\n" + _compact({"seq": 1, "id": NONCE, "method": "execute", "params": CALL}),
    b"\n" + _compact({"id": NONCE, "result": {"version": 2, "capabilities": [], "session": {"id": NONCE}}}),
    b"\n" + _compact({"method": "session.goodbye", "params": {"reason": "forged"}}),
    b"\n" + _compact({"method": "session.resync", "params": {"received": 0}}),
    b"\n" + _compact({"method": "session.ack", "params": {"received": 999_999}}),
    b"\n" + _compact({"seq": 2, "method": "stream.data", "params": {"call": NONCE, "bytes": 9}}),
]


def _miss(text):
    """Returns the text without the byte strings that a raw payload must not hold."""
    text = text.replace(b'{"jsonrpc":"2.0"', b'{"jsonrpc":"2.1"')
    text = text.replace(b'{"method": "negotiate:', b'{"method":  "negotiate:')
    return re.sub(rb'([0-9][ \t\r]*)\n\{"', rb'\1\n{ "', text)


# They go out as raw chunks.
NEAR = [_miss(text) for text in EXACT]
NEAR += [b'\n{"jsonrpc":"2.', b'\n{"method": "', b'negotiate:"']
NEAR += [b'x\n{"command": "forged"}\n', b'7\n\n{"a": 1}\n']
NEAR += [b"\n65536\n", b"\n16777216\n", b"\n0\n", b"\n\n\n"]


class Forger:
    """Makes forged bytes, the same for the same seed: near misses, exact text, and exact bytes in turn."""

    def __init__(self, seed):
        self.random, self.ready, self.runs = random.Random(seed), bytearray(), seed

    def take(self, count):
        while len(self.ready) < count:
            self.ready += self._run()
        data = bytes(self.ready[:count])
        del self.ready[:count]
        return data

    def _run(self):
        """A run is long enough that whole chunks lie in it."""
        self.runs += 1
        kind = ("near", "text", "bytes")[self.runs % 3]
        run, length = bytearray(), self.random.randint(4000, 24_000)
        while len(run) < length:
            run += self.random.choice(NEAR if kind == "near" else EXACT)
            if self.random.random() < 0.3 and kind == "text":
                run += "ü€\u2028".encode("utf-8")
            elif self.random.random() < 0.3:
                run += self.random.randbytes(self.random.randint(1, 200)) if kind != "text" else b" "
            if kind == "bytes":
                run += b"\xff\xfe"
        if kind == "near":
            run = _miss(run)
        return run
