"""Owns the frames of the native protocol, written from docs/PROTOCOL.md alone."""

import json
import re
import zlib

from checks import Invalid, check_chunk, is_id
from messages import CHUNK_BYTES, HEAD, LENGTH_PREFIXED_BYTES, LINE_BYTES, MARKER
from messages import is_count, parse, parse_message

BLANKS = b" \t\r"
LENGTH = re.compile(rb"[0-9]{1,12}")
# An old peer's object begins on the line after a digit (rule 13).
OLD_OBJECT = re.compile(rb'[0-9][ \t\r]*\n(?=\{")')
# These go on to the next frame, or wait for more bytes.
NEXT, WAIT = ("next",), None


class NotAFrame(Exception):
    """The bytes are not a frame: order is lost (rule 15)."""


class Frames:
    """
    Cuts the bytes of a channel into frames. `take` returns None if the next frame is not complete, or one of
    ("hello", object), ("message", object, payload), ("old", object), ("large", None). It raises NotAFrame if
    order is lost: the reader of a listener goes on then (rule 12), and a dialler throws its reader away.
    """

    def __init__(self, is_listener, is_port=True):
        self.is_listener, self.is_port = is_listener, is_port
        self.is_raw = False
        self.is_ordered = not is_listener
        self.buffer = b""
        self.has_begun = False
        self.left_to_skip = 0

    def take(self):
        frame = NEXT
        while self.buffer and frame is NEXT:
            at = self._marker()
            if at == 0:
                frame = self._hello()
                continue
            is_torn = 0 < at < self.left_to_skip
            frame = WAIT if is_torn else self._frame(self.buffer if at < 0 else self.buffer[:at])
            if frame is WAIT and at > 0:
                # The frame before the marker is torn (rule 10).
                self.left_to_skip = 0
                self._skip(at)
                frame = NEXT
        return WAIT if frame is NEXT else frame

    def take_answer(self, nonce):
        """Returns ("answer", object) or ("old", object) for the hello with this nonce, or None (rule 13)."""
        text = nonce.encode("ascii")
        data = b"\n" + self.buffer
        at = data.find(b"\n" + HEAD + b',"id":"' + text + b'"')
        while at >= 0 and (end := data.find(b"\n", at + 1)) >= 0:
            try:
                answer = parse_message(data[at + 1 : end].strip(BLANKS))
                self.buffer = data[end + 1 :]
                return ("answer", answer)
            except ValueError:
                # A torn one. The next line may be whole.
                at = data.find(b"\n" + HEAD + b',"id":"' + text + b'"', end)
        for found in OLD_OBJECT.finditer(data):
            line = data[found.end() :].split(b"\n", 1)[0]
            if line.startswith(HEAD) or (text not in line and b'"send"' not in line):
                continue
            try:
                value, length = json.JSONDecoder().raw_decode(line.decode("utf-8", "surrogateescape"))
            except ValueError:
                continue
            self.buffer = data[found.end() + length :]
            return ("old", value)
        return None

    def drop_torn(self):
        """Drops the frame that has begun (rule 16). Returns whether order is lost by this."""
        line, end, _ = self.buffer.partition(b"\n")
        is_old = self.left_to_skip > 0 or (self._is_length(line) and end != b"")
        is_lost = self.is_ordered and self.buffer != b"" and not is_old
        self.buffer, self.left_to_skip = b"", 0
        return is_lost

    def _marker(self):
        """Returns where the next hello begins, or -1. On a socket it can only be the first frame (rule 9)."""
        if not self.is_listener:
            return -1
        if self.is_port:
            return self.buffer.find(MARKER)
        return 0 if not self.has_begun and self.buffer.startswith(MARKER) else -1

    def _skip(self, count):
        self.buffer = self.buffer[count:]

    def _hello(self):
        end = self.buffer.find(b"\n")
        last = self.buffer.rfind(MARKER, 0, end if end >= 0 else len(self.buffer))
        if last > 0 and self.is_port:
            # A torn hello, and another one in the same line.
            self._skip(last)
            return NEXT
        if end < 0:
            if len(self.buffer) > LINE_BYTES:
                self._skip(len(MARKER))
                return self._lose("a hello is too long")
            return WAIT
        line = self.buffer[:end]
        self._skip(end + 1)
        try:
            hello = parse(line)
        except ValueError as reason:
            # The next hello's length has ended the line of a torn one.
            return self._lose(f"a torn hello: {reason}")
        if not is_id(hello.get("id")):
            return self._lose("a hello without an id")
        self.has_begun = True
        return ("hello", hello)

    def _frame(self, data):
        if self.left_to_skip:
            return self._skip_large(data)
        end = data.find(b"\n")
        line = data[: end if end >= 0 else len(data)].strip(BLANKS)
        if len(line) > LINE_BYTES:
            self._skip(len(data) if end < 0 else end + 1)
            return self._lose("a line is too long")
        if end < 0:
            return WAIT
        if line == b"":
            self._skip(end + 1)
            return NEXT
        if self._is_length(line):
            return self._length_prefixed(data, end + 1, int(line))
        try:
            message = parse_message(line)
        except ValueError as reason:
            self._skip(end + 1)
            return self._lose(f"{reason}: {line[:80]!r}")
        if not self.is_ordered or not _is_raw(message):
            self._skip(end + 1)
            return ("message", message, None)
        return self._chunk(data, end + 1, message)

    def _is_length(self, line):
        return self.is_listener and self.is_port and LENGTH.fullmatch(line.strip(BLANKS)) is not None

    def _chunk(self, data, start, message):
        params = message["params"]
        count, crc = params["bytes"], params.get("crc32")
        try:
            check_chunk(params)
        except Invalid as reason:
            self._skip(start)
            return self._lose(str(reason))
        if not self.is_raw or not is_count(count, 1) or count > CHUNK_BYTES:
            self._skip(start)
            return self._lose("a raw chunk that cannot be read")
        if self.is_port and HEAD in data[start : start + count]:
            # A payload holds no message (rule 8), so this one ended early: its writer was restarted.
            self._skip(start)
            return self._lose("a message inside a raw chunk")
        if len(data) < start + count + 1:
            return WAIT
        payload = data[start : start + count]
        must_have = self.is_listener and self.is_port and crc is None
        if data[start + count] != 10 or must_have or (crc is not None and crc != zlib.crc32(payload)):
            # Only the header goes: a message may begin among the bytes that looked like the payload.
            self._skip(start)
            return self._lose("a torn raw chunk")
        self._skip(start + count + 1)
        return ("message", message, payload)

    def _length_prefixed(self, data, start, count):
        """Reads the request of an old host. Only its length goes if this is none (rule 11)."""
        if data[start : start + 1] == b"\n":
            # So a hello begins that was torn before its marker.
            self._skip(start)
            return NEXT
        begun = data[start : start + min(count, len(HEAD))]
        is_possible = count > 1 and begun[:2] == b'{"'[: len(begun)] and begun != HEAD
        if not is_possible:
            self._skip(start)
            return self._lose("a length without its object")
        if count > LENGTH_PREFIXED_BYTES:
            if len(begun) < len(HEAD) and HEAD.startswith(begun):
                return WAIT
            self._skip(start)
            self.left_to_skip = count
            return NEXT
        if len(data) < start + count:
            return WAIT
        try:
            value = parse(data[start : start + count])
        except ValueError as reason:
            self._skip(start)
            return self._lose(f"a length-prefixed frame: {reason}")
        self._skip(start + count)
        return ("old", value)

    def _skip_large(self, data):
        is_whole = len(data) >= self.left_to_skip
        # A marker may begin in the last bytes.
        ready = self.left_to_skip if is_whole else max(0, len(data) - len(MARKER))
        self._skip(ready)
        self.left_to_skip -= ready
        return WAIT if self.left_to_skip else ("large", None)

    def _lose(self, reason):
        if not self.is_ordered:
            return NEXT
        self.is_ordered = False
        raise NotAFrame(reason)


def _is_raw(message):
    params = message.get("params")
    return message.get("method") == "stream.data" and isinstance(params, dict) and "bytes" in params
