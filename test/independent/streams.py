"""Owns what a call consists of: its streams, its answer, and the words of its failures."""

from messages import CHUNK_BYTES

OUT_BYTES = 65_536
KEEP_MS = 600_000
NUMBERS = {"BAD_FRAME": -32700, "BAD_REQUEST": -32602, "UNKNOWN_METHOD": -32601, "NO_COMMAND": -32005}
NUMBERS |= {"BUSY": -32008, "TOO_LARGE": -32009, "CANCELLED": -32011, "CLOSED": -32012}
NUMBERS |= {"UNKNOWN_OUTCOME": -32013, "UNSUPPORTED": -32014, "NO_CALL": -32015}


def failure(code, message, details=None):
    data = {"code": code} if details is None else {"code": code, "details": details}
    return {"code": NUMBERS[code], "message": message, "data": data}


class Breach(Exception):
    """The peer broke a rule of a call: the call ends with BAD_FRAME on both sides."""


class Writer:
    """The sending end of a stream. `form` chooses the form of each chunk; `fill` is asked for more bytes."""

    def __init__(self, call, name, limit, form=lambda: "raw", size=lambda: 16_384):
        self.call, self.name, self.limit, self.form, self.size = call, name, limit, form, size
        self.offset, self.pending, self.is_ended, self.is_over = 0, bytearray(), False, False
        self.is_stopped = False
        self.fill = lambda: None
        self.done = lambda: None

    def next_chunk(self):
        """Returns the bytes to send now, b"" for the end of the stream, or None."""
        if self.is_over:
            return None
        if not self.is_ended and len(self.pending) < OUT_BYTES:
            self.fill()
        count = min(len(self.pending), self.limit - self.offset, self.size())
        if count <= 0:
            return b"" if self.is_ended and not self.pending else None
        data = bytes(self.pending[:count])
        del self.pending[:count]
        return data

    def begin(self, offset):
        """Leaves out the bytes before this offset, which the other side has."""
        if self.offset > 0 or offset > len(self.pending) + self.offset:
            raise Breach("a beginning after the first byte")
        del self.pending[:offset]
        self.offset = offset


class Reader:
    """The receiving end of a stream. `take` gets the bytes in order; the credit is `window` ahead of them."""

    def __init__(self, call, name, take, window, limit=0):
        self.call, self.name, self.take, self.window, self.limit = call, name, take, window, limit
        self.offset, self.total, self.has_end, self.is_stopped = 0, None, False, False

    def read(self, offset, data):
        """Takes a chunk. Returns whether it is time for more credit."""
        if self.has_end or offset != self.offset or not 1 <= len(data) <= CHUNK_BYTES:
            raise Breach("a chunk at a wrong place")
        if offset + len(data) > self.limit:
            raise Breach("bytes over the credit")
        self.offset += len(data)
        if self.total is not None and self.offset > self.total:
            raise Breach("more bytes than the total")
        self.take(data)
        return self.limit - self.offset <= self.window // 2 and not self.is_done

    def begin(self, offset):
        """The stream goes on at this offset. The first credit counts from it."""
        if self.offset > 0:
            raise Breach("a beginning after the first byte")
        self.offset, self.limit = offset, self.limit + offset

    def set_total(self, total):
        if total < self.offset or (self.total is not None and self.total != total):
            raise Breach("a wrong total")
        self.total = total

    @property
    def is_done(self):
        return self.total is not None and self.offset >= self.total


class Call:
    """A call of either side. `answer` is its result or failure, as the message has it."""

    def __init__(self, call_id, is_mine, request):
        self.id, self.is_mine, self.answer, self.request = call_id, is_mine, None, request
        self.is_detached, self.keep_ms = request.get("isDetached", False), request.get("keepMs", KEEP_MS)
        self.writers, self.readers, self.is_sent = {}, {}, False
        self.on_message = lambda name, value: None
        self.messages = []

    @property
    def is_over(self):
        return self.answer is not None and (
            "error" in self.answer or all(reader.is_done for reader in self.readers.values())
        )
