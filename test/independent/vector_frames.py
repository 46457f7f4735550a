"""Owns the runs of the test vectors for readers: frames and lines."""

from frames import Frames, NotAFrame

# A reader gets all bytes at once, and in pieces of so many bytes.
PIECES = (1, 2, 7, 64, 1 << 30)
LINE_PIECES = (65_536, 1 << 30)
OPENING = b'{"method": "negotiate:before", "jsonrpc": "2.0", "id": "before"}\n'


class Reader:
    """A reader in the state of a vector. It collects what it reads as the vectors have it."""

    def __init__(self, reader, medium, state, nonce=None):
        self.is_dialler, self.found = reader == "dialler", []
        self.frames = Frames(not self.is_dialler, medium == "port")
        self.nonce = nonce if state == "dialling" else None
        self.frames.is_raw = state == "open"
        if not self.is_dialler and state != "idle":
            self.take(OPENING)
            assert self.found == [{"hello": "before"}], self.found
            self.found = []
        if state == "cut":
            self.frames.is_ordered = False

    def take(self, data):
        if self.frames is None:
            return
        self.frames.buffer += data
        if self.nonce is not None and not self.take_answer():
            return
        while self.frames is not None:
            try:
                frame = self.frames.take()
            except NotAFrame:
                self.found.append({"lost": True})
                # A dialler closes its channel.
                self.frames = None if self.is_dialler else self.frames
                continue
            if frame is None:
                return
            self.add(*frame)

    def take_answer(self):
        answer = self.frames.take_answer(self.nonce)
        if answer is None:
            return False
        self.found.append({answer[0]: answer[1]})
        self.nonce, self.frames.is_raw = None, True
        if answer[0] == "old":
            self.frames = None
        return True

    def add(self, kind, value, payload=None):
        if kind == "hello":
            self.frames.is_ordered = self.frames.is_raw = True
            self.found.append({"hello": value["id"]})
        elif kind == "message" and not self.frames.is_ordered:
            self.found.append({"native": True})
        elif payload is not None:
            params = {name: value["params"][name] for name in ("call", "stream", "offset")}
            chunk = {"seq": value["seq"], **params, "payload": payload.decode("latin-1")}
            self.found.append({"chunk": chunk})
        else:
            self.found.append({kind: value})


def feed(reader, data, size):
    for start in range(0, len(data), size):
        reader.take(data[start : start + size])
    return reader.found


def without_news(reads):
    """Leaves out what was lost before a hello, which begins anew."""
    kept = []
    for read in reads:
        while "hello" in read and kept and kept[-1] in ({"native": True}, {"lost": True}):
            kept.pop()
        kept.append(read)
    return kept


def run_frame(vector):
    data, wanted = vector["bytes"].encode("latin-1"), without_news(vector["reads"])
    for size in PIECES:
        reader = Reader(vector["reader"], vector["medium"], vector["state"], vector.get("nonce"))
        found = without_news(feed(reader, data, size))
        assert found == wanted, f"pieces of {size}: {found}"


def run_line(vector):
    text = vector.get("bytes")
    if text is None:
        text = vector["prefix"] + vector["times"] * vector["repeat"] + vector["suffix"]
    for reader in ("listener", "dialler"):
        for size in LINE_PIECES:
            found = feed(Reader(reader, "port", "open"), text.encode("latin-1") + b"\n", size)
            assert ({"lost": True} not in found) == vector["isRead"], f"{reader}: {str(found)[:200]}"
