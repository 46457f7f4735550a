"""Owns the runs of the test vectors for sessions: breaches and transcripts."""

import base64
import json
import re

from frames import Frames
from messages import encode, encode_hello, parse
from peers import Dialler, Listener

HELLO = {"versions": {"min": 2, "max": 2}, "capabilities": ["raw"]}
HELLO |= {"agent": {"name": "vectors", "version": "1", "role": "host"}}
HELLO |= {"session": {"id": "vector-session", "received": 0}}
HELLO |= {"limits": {"lineBytes": 1_048_576, "noticeBytes": 262_144}}
# Their time and number are free.
FREE = ("session.ack", "session.credit")
CREDIT = 1000
STEP_SECONDS, PING_SECONDS = 0.5, 10
NAME = re.compile(r"\$[a-z]+[0-9]?")


class Channel:
    """A channel whose bytes the run passes on by itself."""

    def close(self):
        pass


class Run:
    """A side of a session with its own clock, and the names that have got a value."""

    def __init__(self, side):
        self.now, self.names, self.call = 0.0, {}, None
        make = Dialler if side == "dialler" else Listener
        self.peer = make("", ping_seconds=PING_SECONDS)
        self.peer.clock, self.peer.connect = lambda: self.now, Channel
        self.peer.reset()
        self.peer.serve = self.serve
        if side == "listener":
            self.peer.dial()

    def open(self):
        """Begins a session, whose messages do not matter."""
        if isinstance(self.peer, Listener):
            self.take(encode_hello("before", HELLO))
        else:
            self.peer.dial()
            session = {"id": self.peer.session_id, "instance": "vector-instance", "received": 0}
            result = {"version": 2, **{name: HELLO[name] for name in ("capabilities", "agent", "limits")}}
            self.peer.out.clear()
            self.take(b"\n" + encode({"id": self.peer.nonce, "result": {**result, "session": session}}))
        self.sent()

    def take(self, data):
        self.peer.take(data)

    def state(self):
        if self.peer.is_open:
            return "open"
        if isinstance(self.peer, Listener):
            return "idle" if self.peer.instance is None else "cut"
        return "cut" if self.peer.channel is None else "dialling"

    def pass_time(self, seconds):
        for _ in range(round(seconds / STEP_SECONDS)):
            self.now += STEP_SECONDS
            self.peer.check_timers()

    def sent(self):
        """Returns the messages since the last time, first those without a number."""
        if self.peer.is_open:
            self.peer.fill_out()
        reader = Frames(False)
        reader.is_raw, reader.buffer = True, bytes(self.peer.out)
        self.peer.out.clear()
        found = []
        while (frame := reader.take()) is not None:
            _, message, payload = frame
            if message.get("method") == "stream.data":
                message["content"] = content_of(message["params"], payload)
            if message.get("method") not in FREE:
                found.append(message)
        assert reader.buffer == b"", reader.buffer
        return sorted(found, key=lambda message: "seq" in message)

    def sent_hello(self):
        length, _, text = bytes(self.peer.out).partition(b"\n")
        self.peer.out.clear()
        assert int(length) == len(text) and text[:1] == text[-1:] == b"\n", text
        return parse(text)

    def serve(self, call, method, params):
        """Has the three methods of the transcripts, and one that only reads."""
        peer = self.peer
        if method == "vector.answer":
            peer.answer(call, params)
        elif method == "vector.echo":
            out = call.writers["out"]

            def take(data):
                out.pending += data
                if data == b"":
                    peer.fill_out()
                    peer.answer(call, {"bytes": call.readers["in"].offset})

            peer.accept(call, "in", take, CREDIT)
        elif method == "vector.wait":
            call.on_message = lambda name, value: self.hear(call, name, value)
        elif method == "vector.read":
            peer.accept(call, "r", lambda data: None, CREDIT)
        else:
            peer.fail(call, "UNKNOWN_METHOD", "There is no such method")

    def hear(self, call, name, value):
        if name == "cancel":
            self.peer.fail(call, value.get("code", "CANCELLED"), "The caller has cancelled the call")
        else:
            self.peer.tell(call, name, value)

    def fill(self, text):
        return NAME.sub(lambda found: self.names.get(found[0], found[0]), text)

    def match(self, pattern, found, place="$"):
        """Asserts that a message contains a pattern. A name gets its value where it first stands."""
        if isinstance(pattern, str) and NAME.fullmatch(pattern) and pattern not in self.names:
            assert isinstance(found, str), f"{place} is {found!r}"
            self.names[pattern] = found
        elif isinstance(pattern, dict):
            assert isinstance(found, dict), f"{place} is {found!r}"
            for name, member in pattern.items():
                assert name in found, f"{place}.{name} is missing in {found}"
                self.match(member, found[name], f"{place}.{name}")
        else:
            wanted = self.fill(pattern) if isinstance(pattern, str) else pattern
            assert wanted == found, f"{place} is {found!r}, not {wanted!r}"


def content_of(params, payload):
    if payload is None:
        text = params.get("text")
        payload = base64.b64decode(params["base64"]) if text is None else text.encode("utf-8")
    return payload.decode("latin-1")


def take_step(run, step):
    peer, ((kind, value), *others) = run.peer, step.items()
    assert not others, step
    if kind == "in":
        run.take(run.fill(value).encode("latin-1"))
    elif kind == "hello":
        run.take(encode_hello(value["nonce"], json.loads(run.fill(json.dumps(value["params"])))))
    elif kind == "out":
        found = run.sent()
        assert len(found) == len(value), found
        for pattern, message in zip(value, found):
            run.match(pattern, message)
    elif kind == "outHello":
        run.match(value, run.sent_hello())
    elif kind == "state":
        assert run.state() == value, run.state()
    elif kind == "passMs":
        run.pass_time(value / 1000)
    elif kind == "dial":
        peer.close()
        peer.dial()
    elif kind == "call":
        run.call = peer.call(value["method"], value["params"])
    elif kind == "result":
        assert run.call.answer["result"] == value, run.call.answer
    elif kind == "failure":
        assert run.call.answer["error"]["data"]["code"] == value, run.call.answer
    else:
        raise AssertionError(f"an unknown step: {kind}")


def run_session(vector):
    run = Run(vector["side"])
    for index, step in enumerate(vector["steps"]):
        try:
            take_step(run, step)
        except Exception as reason:
            raise AssertionError(f"step {index}, {next(iter(step))}: {reason!r}") from reason


def run_breach(vector):
    is_callee = vector["side"] == "callee"
    run = Run("listener" if is_callee else "dialler")
    run.open()
    if is_callee:
        streams = {"read": {"w": CREDIT}, "write": ["r"]}
        request = {"id": "c", "method": "vector.read", "params": {}, "streams": streams}
        run.take(encode({"seq": 1, **request}))
        call_id, seq = "c", 1
    else:
        call_id, seq = run.peer.call("m", {}, {"r": lambda data: None}, ["w"], window=CREDIT).id, 0
    run.sent()
    for message in vector["messages"]:
        seq += 1
        own = call_id if message["params"]["call"] == "c" else message["params"]["call"]
        run.take(encode({"seq": seq, **message, "params": {**message["params"], "call": own}}))
    found = run.sent()
    assert run.state() == "open", run.state()
    if vector.get("isBreach", True):
        complaint, end = found
        run.match({"id": None, "error": {"data": {"code": "BAD_FRAME"}}}, complaint)
        cancel = {"method": "call.message", "params": {"name": "cancel", "value": {"code": "BAD_FRAME"}}}
        wanted = {"id": "c", "error": {"data": {"code": "BAD_FRAME"}}} if is_callee else cancel
        run.match(wanted, end)
    else:
        assert found == [], found
