"""Owns the frames of the native protocol, written from docs/PROTOCOL.md alone."""

import base64
import json
import math
import re
import zlib

HEAD = b'{"jsonrpc":"2.0"'
MARKER = b'{"method": "negotiate:'
# What a raw payload on a port must not hold (rule 8).
FORBIDDEN = (HEAD, b'"method": "', b'"command": "')
CHUNK_BYTES = 65_536
LINE_BYTES = 1_048_576
LENGTH_PREFIXED_BYTES = 16 * 1_048_576
DEEPEST = 32
MOST_SIGNS = 131_072
STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class NotAFrame(Exception):
    """The bytes are not a frame: order is lost (rule 16)."""


def parse(line):
    """Returns the JSON object of a line. Raises ValueError for what a reader must refuse (rule 4)."""
    text = line.decode("utf-8")
    outside = STRING.sub("", text)
    if sum(outside.count(sign) for sign in ",:[{") > MOST_SIGNS:
        raise ValueError("too many values")
    depth = 0
    for bracket in re.findall(r"[\[\]{}]", outside):
        depth += 1 if bracket in "[{" else -1
        if depth > DEEPEST:
            raise ValueError("too deep")
    value = json.loads(text, parse_int=_integer, parse_float=_float, parse_constant=_refuse)
    if not isinstance(value, dict):
        raise ValueError("not an object")
    if "\\u" in text:
        # Half of a surrogate pair cannot be encoded.
        json.dumps(value, ensure_ascii=False).encode("utf-8")
    return value


def _integer(text):
    number = int(text)
    if abs(number) > 2**53 - 1:
        raise ValueError("integer too large")
    return number


def _float(text):
    number = float(text)
    if not math.isfinite(number):
        raise ValueError("not finite")
    return number


def _refuse(text):
    raise ValueError(f"not JSON: {text}")


def encode(message):
    """Returns the line of a message. `message` has no "jsonrpc": it is put in front."""
    whole = {"jsonrpc": "2.0", **message}
    line = json.dumps(whole, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return line.encode("utf-8") + b"\n"


def encode_chunk(seq, call, stream, offset, data, form):
    """Returns a stream chunk in the form "raw", "text" or "base64", and the form that it took."""
    if form == "raw" and any(word in data for word in FORBIDDEN):
        form = "text"
    params = {"call": call, "stream": stream, "offset": offset}
    if form == "text":
        try:
            params["text"] = data.decode("utf-8")
        except UnicodeDecodeError:
            form = "base64"
    if form == "base64":
        params["base64"] = base64.b64encode(data).decode("ascii")
    if form == "raw":
        params |= {"bytes": len(data), "crc32": zlib.crc32(data)}
    line = encode({"seq": seq, "method": "stream.data", "params": params})
    return (line + data + b"\n" if form == "raw" else line), form


def encode_hello(nonce, params):
    """Returns the one length-prefixed frame that opens an epoch. Its spaces are part of the protocol."""
    method = "negotiate:" + nonce
    hello = {"method": method, "jsonrpc": "2.0", "id": nonce, "params": params}
    hello |= {"command": method, "arguments": [], "keyword_arguments": {}}
    text = b"\n" + json.dumps(hello).encode("ascii") + b"\n"
    return str(len(text)).encode("ascii") + b"\n" + text


class Frames:
    """
    Cuts the bytes of a port into frames. `take` returns None if the next frame is not complete, or one of
    ("hello", object), ("message", object, payload), ("old", bytes). It raises NotAFrame if order is lost: the
    reader of a listener goes on then (rule 12), and a dialler throws its reader away.
    """

    def __init__(self, is_listener):
        self.is_listener = is_listener
        self.is_raw = False
        self.is_ordered = not is_listener
        self.buffer = b""

    def take(self):
        while self.buffer:
            at = self.buffer.find(MARKER) if self.is_listener else -1
            if at == 0:
                return self._hello()
            frame = self._frame(self.buffer if at < 0 else self.buffer[:at])
            if frame is not None:
                if frame[0] == "skip":
                    continue
                return frame
            if at < 0:
                return None
            # The frame before the marker is torn (rule 10).
            self._skip(at)
        return None

    def drop_torn(self):
        """Drops the frame that has begun (rule 13). Returns whether there was one."""
        had = self.buffer != b""
        self.buffer = b""
        return had

    def _skip(self, count):
        self.buffer = self.buffer[count:]

    def _hello(self):
        end = self.buffer.find(b"\n")
        last = self.buffer.rfind(MARKER, 0, end if end >= 0 else len(self.buffer))
        if last > 0:
            # A torn hello, and another one in the same line.
            self._skip(last)
            return self.take()
        if end < 0:
            if len(self.buffer) > LINE_BYTES:
                self._skip(len(MARKER))
            return None
        line = self.buffer[:end]
        self._skip(end + 1)
        try:
            return ("hello", parse(line))
        except ValueError:
            # The next hello's length has ended the line of a torn one.
            return self.take()

    def _frame(self, data):
        end = data.find(b"\n")
        line = data[: end if end >= 0 else len(data)].strip(b" \t\r")
        if len(line) > LINE_BYTES:
            self._skip(len(data) if end < 0 else end + 1)
            return self._lose("a line is too long")
        if end < 0:
            return None
        if line == b"":
            self._skip(end + 1)
            return ("skip",)
        if self.is_listener and line.isdigit() and int(line) <= LENGTH_PREFIXED_BYTES:
            return self._length_prefixed(data, end + 1, int(line))
        try:
            if not line.startswith(HEAD):
                raise ValueError("not the head of a message")
            message = parse(line)
        except ValueError as reason:
            self._skip(end + 1)
            return self._lose(f"{reason}: {line[:80]!r}")
        count = _raw_bytes(message)
        if count is None or not self.is_ordered:
            self._skip(end + 1)
            return ("message", message, None)
        return self._chunk(data, end + 1, count, message)

    def _chunk(self, data, start, count, message):
        if not self.is_raw or not isinstance(count, int) or not 0 <= count <= CHUNK_BYTES:
            self._skip(start)
            return self._lose("a raw chunk that cannot be read")
        if HEAD in data[start : start + count]:
            # A payload holds no message (rule 8), so this one ended early: its writer was restarted.
            self._skip(start)
            return self._lose("a message inside a raw chunk")
        if len(data) < start + count + 1:
            return None
        payload = data[start : start + count]
        crc = message["params"].get("crc32")
        must_have = self.is_listener and crc is None
        if data[start + count] != 10 or must_have or (crc is not None and crc != zlib.crc32(payload)):
            # Only the header goes: a hello may begin among the bytes that looked like the payload.
            self._skip(start)
            return self._lose("a torn raw chunk")
        self._skip(start + count + 1)
        return ("message", message, payload)

    def _length_prefixed(self, data, start, count):
        if len(data) < start + count:
            return None
        body = data[start : start + count]
        self._skip(start + count)
        if not any(word in body for word in FORBIDDEN[1:]):
            return self._lose("a length-prefixed frame without a request")
        return ("old", body)

    def _lose(self, reason):
        if not self.is_ordered:
            return ("skip",)
        self.is_ordered = False
        raise NotAFrame(reason)


def _raw_bytes(message):
    params = message.get("params")
    if message.get("method") == "stream.data" and isinstance(params, dict):
        return params.get("bytes")
    return None
