"""Owns the two sides of a channel: the dialler, which sends hellos, and the listener, which answers them."""

import secrets
import time

import frames
import session
from streams import failure

AGENT = {"name": "independent", "version": "0"}
REFUSALS = 32
# How long a dialler waits for the answer to a hello: twice as long after each one in a row.
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 0.3, 15


class Dialler(session.Session):
    """The side that sends hellos: a host on its port."""

    wait = FIRST_WAIT_SECONDS

    def dial(self):
        super().dial()
        self.dialled_at = time.monotonic()
        self.nonce = secrets.token_urlsafe(16)
        self.counts["hellos"] += 1
        own = {"id": self.session_id, "received": self.received}
        if self.instance is not None:
            own["instance"] = self.instance
        self.out += frames.encode_hello(
            self.nonce,
            {
                "versions": {"min": 2, "max": 2},
                "capabilities": self.capabilities,
                "agent": {**AGENT, "role": "host"},
                "session": own,
                "limits": {"lineBytes": frames.LINE_BYTES, "noticeBytes": 0},
            },
        )

    def read_frames(self):
        if not self.is_open and not self.find_answer():
            return
        super().read_frames()

    def find_answer(self):
        """Drops all bytes before the answer (rule 14). Returns whether it is there."""
        head = frames.HEAD + b',"id":"' + self.nonce.encode("ascii") + b'"'
        data = b"\n" + self.frames.buffer
        at = data.find(b"\n" + head)
        end = data.find(b"\n", at + 1)
        if at < 0 or end < 0:
            if self.nonce.encode("ascii") in data and at < 0:
                raise RuntimeError(f"an answer of another dialect: {data[-300:]!r}")
            return False
        answer = frames.parse(data[at + 1 : end])
        self.frames.buffer = data[end + 1 :]
        if "error" in answer:
            raise RuntimeError(f"the hello was refused: {answer['error']}")
        self.on_welcome(answer["result"])
        return True

    def on_welcome(self, result):
        theirs = result["session"]
        if result["version"] != 2 or theirs["id"] != self.session_id:
            raise RuntimeError("an answer that was not asked for")
        if self.instance is not None and theirs["instance"] != self.instance:
            own = self.session_id
            self.lose_session("UNKNOWN_OUTCOME")
            self.session_id = own
        elif self.instance is not None:
            self.counts["resumed"] += 1
        if theirs["received"] > self.sent:
            raise RuntimeError("the peer has received what was never sent")
        self.instance = theirs["instance"]
        self.frames.is_raw = "raw" in self.capabilities and "raw" in result["capabilities"]
        self.is_open, self.wait = True, FIRST_WAIT_SECONDS
        self.resend(theirs["received"])

    def check_timers(self):
        super().check_timers()
        if self.channel is not None and not self.is_open and time.monotonic() - self.dialled_at > self.wait:
            self.counts["unanswered"] += 1
            self.wait = min(2 * self.wait, LONGEST_WAIT_SECONDS)
            self.close()

    def lose_order(self):
        self.close()

    def on_resync(self):
        self.close()


class Listener(session.Session):
    """The side that answers hellos: a guest on its port."""

    is_listener = True
    refusals = 0

    def on_hello(self, hello):
        self.refusals = 0
        nonce, params = hello["id"], hello["params"]
        self.counts["hellos"] += 1
        if params.get("isProbe") is True or not params["versions"]["min"] <= 2 <= params["versions"]["max"]:
            if params.get("isProbe") is not True:
                self.is_open = False
                self.lose_session("UNSUPPORTED")
            self.out += b"\n"
            self.send({"id": nonce, "error": failure("UNSUPPORTED", "No session")})
            return
        theirs = params["session"]
        received = self.resumed_at(theirs)
        if received is None:
            if self.instance is not None:
                self.lose_session("UNKNOWN_OUTCOME")
            self.session_id, self.began_with = theirs["id"], theirs.get("instance")
            self.instance, received = secrets.token_urlsafe(16), 0
        else:
            self.counts["resumed"] += 1
        self.frames.is_ordered = self.is_open = True
        self.frames.is_raw = "raw" in self.capabilities and "raw" in params["capabilities"]
        # The rest of an earlier epoch would look like a torn frame before the answer.
        self.out = bytearray(b"\n")
        self.send({"id": nonce, "result": self.welcome()})
        self.resend(received)

    def resumed_at(self, theirs):
        """Returns the number up to which the dialler has our messages, or None for a new session."""
        if self.instance is None or theirs["id"] != self.session_id:
            return None
        if theirs.get("instance") == self.instance:
            return theirs["received"] if theirs["received"] <= self.sent else None
        return 0 if self.received == 0 and theirs.get("instance") == self.began_with else None

    def welcome(self):
        return {
            "version": 2,
            "capabilities": self.capabilities,
            "agent": {**AGENT, "role": "guest"},
            "session": {"id": self.session_id, "instance": self.instance, "received": self.received},
            "limits": {"lineBytes": frames.LINE_BYTES, "noticeBytes": 0},
        }

    def refuse_unopened(self, message):
        if self.refusals >= REFUSALS:
            return
        self.refusals += 1
        if self.instance is None and "method" in message and "id" in message:
            self.send({"id": message["id"], "error": failure("CLOSED", "No session"), "streams": {}})
        self.send({"method": "session.resync", "params": {"received": self.received}})

    def lose_order(self):
        self.is_open = self.frames.is_ordered = False

    def on_resync(self):
        self.counts["resyncs"] += 0

    def check_timers(self):
        super().check_timers()
        is_torn = self.channel is not None and time.monotonic() - self.byte_at > session.TORN_SECONDS
        if is_torn and self.frames.drop_torn() and self.is_open:
            self.lose_order()
