"""Owns the two sides of a channel: the dialler, which sends hellos, and the listener, which answers them."""

import secrets

import messages
import session
from checks import Invalid, check_hello
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
        self.dialled_at = self.clock()
        self.nonce = secrets.token_urlsafe(16)
        self.counts["hellos"] += 1
        own = {"id": self.session_id, "received": self.received}
        if self.instance is not None:
            own["instance"] = self.instance
        self.out += messages.encode_hello(
            self.nonce,
            {
                "versions": {"min": 2, "max": 2},
                "capabilities": self.capabilities,
                "agent": {**AGENT, "role": "host"},
                "session": own,
                "limits": {"lineBytes": messages.LINE_BYTES, "noticeBytes": 0},
            },
        )

    def read_frames(self):
        if not self.is_open and not self.find_answer():
            return
        super().read_frames()

    def find_answer(self):
        """Drops all bytes before the answer (rule 13). Returns whether a session is open."""
        found = self.frames.take_answer(self.nonce)
        if found is None:
            return False
        kind, answer = found
        if kind == "old":
            raise RuntimeError(f"an answer of another dialect: {answer}")
        if "error" in answer:
            self.counts["refused"] += 1
            self.close()
            self.lose_session(answer["error"]["data"]["code"])
        else:
            self.on_welcome(answer["result"])
        return self.is_open

    def on_welcome(self, result):
        theirs = result["session"]
        if result["version"] != 2 or theirs["id"] != self.session_id:
            self.counts["not_asked_for"] += 1
            self.close()
            return
        is_known = self.instance is not None and theirs["instance"] == self.instance
        if is_known and theirs["received"] > self.sent:
            # The next hello has a new id.
            self.close()
            self.lose_session("UNKNOWN_OUTCOME")
            return
        if is_known:
            self.counts["resumed"] += 1
        elif self.instance is not None:
            own = self.session_id
            self.lose_session("UNKNOWN_OUTCOME")
            self.session_id = own
        self.instance = theirs["instance"]
        self.frames.is_raw = "raw" in self.capabilities and "raw" in result["capabilities"]
        self.is_open, self.wait = True, FIRST_WAIT_SECONDS
        self.resend(theirs["received"] if is_known else 0)

    def check_timers(self):
        super().check_timers()
        if self.channel is not None and not self.is_open and self.clock() - self.dialled_at > self.wait:
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
        nonce, params = hello["id"], hello.get("params")
        self.counts["hellos"] += 1
        refusal = self.refusal_of(params if isinstance(params, dict) else {})
        if refusal is not None:
            if "isProbe" not in refusal:
                self.lose_order()
                self.lose_session(refusal["data"]["code"])
                self.out.clear()
            refusal.pop("isProbe", None)
            self.out += messages.encode_answer(nonce, {"error": refusal})
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
        self.out = bytearray(messages.encode_answer(nonce, {"result": self.welcome()}))
        self.resend(received)

    def refusal_of(self, params):
        """Returns the failure for a hello that begins no epoch, or None."""
        if params.get("isProbe") is True:
            return {**failure("UNSUPPORTED", "This is a native peer"), "isProbe": True}
        versions = params.get("versions")
        versions = versions if isinstance(versions, dict) else {}
        lowest, highest = versions.get("min"), versions.get("max")
        if not messages.is_count(lowest) or not messages.is_count(highest):
            return failure("BAD_REQUEST", "invalid versions")
        if not lowest <= 2 <= highest:
            details = {"versions": {"min": 2, "max": 2}, "agent": {**AGENT, "role": "guest"}}
            return failure("UNSUPPORTED", "No common version", details)
        try:
            check_hello(params)
        except Invalid as reason:
            return failure(reason.code, str(reason))
        return None

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
            "limits": {"lineBytes": messages.LINE_BYTES, "noticeBytes": 0},
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
        """Only a dialler can begin another epoch."""
