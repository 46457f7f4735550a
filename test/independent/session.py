"""Owns sessions: epochs, numbers, acknowledgements, and what is sent again after a cut."""

import collections
import secrets
import select
import socket
import time

import frames
import messages
from calls import IN_CALLS, Calls
from checks import RESERVED, Invalid, is_id, is_method
from streams import OUT_BYTES, failure

# So many bytes count as one message more: 32 messages or 256 KiB.
ACK_MESSAGES, ACK_BYTES_EACH, ACK_SECONDS = 32, 8192, 0.5
DATA_WINDOW, OTHER_WINDOW = 2 * 1_048_576, 1_048_576
TORN_SECONDS = 2
UNNUMBERED = ("session.ack", "session.ping", "session.pong", "session.resync", "session.goodbye")


class Session(Calls):
    """What both sides have in common. Subclasses open the channel and make the first exchange."""

    is_listener = False

    def __init__(self, path, capabilities=("raw",), ping_seconds=1.0):
        self.path, self.capabilities, self.ping_seconds = path, list(capabilities), ping_seconds
        self.channel, self.is_open, self.out = None, False, bytearray()
        self.clock = time.monotonic
        # Detached calls whose caller is gone, and answers that are kept: they outlive the session.
        self.detached, self.finished = {}, {}
        self.counts = collections.Counter()
        self.serve = lambda call, method, params: self.fail(call, "UNKNOWN_METHOD", "There is no such method")
        self.reset()

    def reset(self):
        """Begins a session: the numbers of both directions start again."""
        self.session_id, self.instance, self.began_with = secrets.token_urlsafe(16), None, None
        self.sent = self.received = self.acknowledged = self.unreported = 0
        self.kept, self.queue, self.calls = collections.deque(), collections.deque(), {}
        self.kept_bytes = {True: 0, False: 0}
        self.heard_at = self.byte_at = self.ack_at = self.clock()

    # The loop

    def run_until(self, is_met, seconds):
        """Reads and writes until `is_met()`. Raises TimeoutError after `seconds`."""
        end = time.monotonic() + seconds
        while not is_met():
            if time.monotonic() > end:
                raise TimeoutError(f"waited {seconds} s; {dict(self.counts)}; open {self.is_open}")
            self.step()

    def step(self, also=()):
        """Waits for bytes or for a timer, and handles what is there. Returns which of `also` can be read."""
        if self.channel is None:
            self.dial()
        if self.is_open:
            self.fill_out()
        ready, writable, _ = select.select([self.channel, *also], [self.channel] if self.out else [], [], 0.1)
        try:
            if self.channel in ready:
                data = self.channel.recv(131_072)
                if data == b"":
                    self.counts["channel_ends"] += 1
                    self.close()
                    return ready
                self.take(data)
            if writable and self.channel is not None and self.out:
                del self.out[: self.channel.send(self.out)]
        except OSError:
            self.close()
        self.check_timers()
        return ready

    def take(self, data):
        """Takes bytes of the channel."""
        self.heard_at = self.byte_at = self.clock()
        self.frames.buffer += data
        self.read_frames()

    def connect(self):
        """Returns a channel. The socket stands for the port, so this says nothing about the peer."""
        while True:
            channel = socket.socket(socket.AF_UNIX)
            try:
                channel.connect(self.path)
                channel.setblocking(False)
                return channel
            except (FileNotFoundError, ConnectionRefusedError):
                channel.close()
                select.select([], [], [], 0.02)

    def dial(self):
        self.channel = self.connect()
        self.heard_at = self.byte_at = self.clock()
        self.frames = frames.Frames(self.is_listener)
        self.out.clear()

    def close(self):
        if self.channel is not None:
            self.channel.close()
        self.channel, self.is_open = None, False

    def read_frames(self):
        while self.channel is not None:
            try:
                frame = self.frames.take()
            except frames.NotAFrame as reason:
                self.counts["order_lost"] += 1
                self.last_loss = str(reason)
                self.lose_order()
                continue
            if frame is None:
                return
            kind, message, *payload = frame
            if kind == "hello":
                self.on_hello(message)
            elif kind == "old":
                self.counts["old_requests"] += 1
                self.lose_order()
            elif kind == "large":
                if self.is_open:
                    self.complain("a length-prefixed frame is too long", "TOO_LARGE")
            elif self.is_open:
                self.receive(message, payload[0])
            elif self.is_listener:
                self.refuse_unopened(message)

    def check_timers(self):
        now = self.clock()
        is_silent = self.channel is not None and now - self.byte_at > TORN_SECONDS
        if is_silent and self.frames.drop_torn() and self.is_open:
            self.counts["torn"] += 1
            self.lose_order()
        if self.is_open and self.unreported and now - self.ack_at > ACK_SECONDS:
            self.acknowledge()
        if self.is_open and now - self.heard_at > self.ping_seconds and not self.out:
            self.heard_at = now
            self.counts["pings"] += 1
            self.send({"method": "session.ping", "params": {}})

    # Sending

    def send(self, message):
        self.out += messages.encode(message)

    def post(self, message):
        """Sends a numbered message that is not stream data, as soon as the window lets it."""
        self.queue.append(message)

    def fill_out(self):
        """Numbers messages while the channel takes them: others first, then the streams in turn."""
        while len(self.out) < OUT_BYTES:
            if self.queue and self.kept_bytes[False] < OTHER_WINDOW:
                message = self.queue.popleft()
                if "method" in message and "id" in message and message["id"] in self.calls:
                    self.calls[message["id"]].is_sent = True
                self.number(lambda seq: messages.encode({"seq": seq, **message}), False)
            elif self.kept_bytes[True] >= DATA_WINDOW or not self.send_chunks():
                return

    def send_chunks(self):
        """Sends one chunk or end of each stream that has one."""
        writers = [writer for call in self.calls.values() if call.is_sent for writer in call.writers.values()]
        has_sent = False
        for writer in writers:
            data = writer.next_chunk()
            if data is None:
                continue
            has_sent = True
            place = {"call": writer.call.id, "stream": writer.name}
            if data == b"":
                writer.is_over = True
                end = {"method": "stream.end", "params": {**place, "bytes": writer.offset}}
                self.number(lambda seq: messages.encode({"seq": seq, **end}), True)
                writer.done()
                continue
            form = writer.form()
            form = "text" if form == "raw" and not self.frames.is_raw else form
            self.number(lambda seq: self.chunk(seq, place, writer.offset, data, form), True)
            writer.offset += len(data)
        return has_sent

    def chunk(self, seq, place, offset, data, form):
        line, form = messages.encode_chunk(seq, place["call"], place["stream"], offset, data, form)
        self.counts["sent_" + form] += 1
        return line

    def number(self, encode, is_data):
        self.sent += 1
        line = encode(self.sent)
        self.kept.append((self.sent, line, is_data))
        self.kept_bytes[is_data] += len(line)
        self.out += line

    def release(self, received):
        """Forgets the messages that the other side has."""
        while self.kept and self.kept[0][0] <= received:
            _, line, is_data = self.kept.popleft()
            self.kept_bytes[is_data] -= len(line)
        self.acknowledged = max(self.acknowledged, received)

    def resend(self, received):
        self.release(received)
        for _, line, _ in self.kept:
            self.out += line
        self.counts["resent"] += len(self.kept)

    def acknowledge(self):
        self.unreported, self.ack_at = 0, self.clock()
        self.send({"method": "session.ack", "params": {"received": self.received}})

    def complain(self, message, code="BAD_REQUEST"):
        self.counts["complaints_sent"] += 1
        self.send({"id": None, "error": failure(code, message)})

    # Receiving

    def receive(self, message, payload):
        seq = message.get("seq")
        if seq is not None and seq != self.received + 1:
            self.counts["gaps" if seq > self.received else "repeated"] += 1
            self.send({"method": "session.resync", "params": {"received": self.received}})
            self.lose_order()
            return
        if seq is not None:
            self.received = seq
            self.unreported += 1 + self.size_of(message, payload) // ACK_BYTES_EACH
            if self.unreported >= ACK_MESSAGES:
                self.acknowledge()
        try:
            self.carry_out(message, payload)
        except Invalid as reason:
            self.refuse(message, str(reason), reason.code)
        except (AttributeError, KeyError, TypeError) as reason:
            self.refuse(message, f"an invalid message: {reason!r}", "BAD_REQUEST")

    def size_of(self, message, payload):
        params = message.get("params")
        text = params.get("text", "") if isinstance(params, dict) else ""
        return len(payload or text) if isinstance(text, str) else 0

    def refuse(self, message, reason, code):
        """Answers an invalid message: with a complaint, and with a failure if it is a request."""
        self.complain(reason, code)
        call_id = message.get("id")
        if "method" in message and is_id(call_id):
            self.post({"id": call_id, "error": failure(code, reason), "streams": {}})
        elif "method" not in message and call_id in self.calls and self.calls[call_id].is_mine:
            self.calls.pop(call_id).answer = {"error": failure(code, reason)}

    def carry_out(self, message, payload):
        method, params = message.get("method"), message.get("params", {})
        if method is None and ("error" in message) == ("result" in message):
            raise Invalid("neither a request nor an answer")
        if method is not None and not is_method(method):
            raise Invalid("invalid method")
        if method is None and message.get("id", 0) is None:
            self.counts["complaints"] += 1
            self.last_complaint = message["error"]
        elif method in UNNUMBERED:
            self.on_unnumbered(method, params)
        elif method in IN_CALLS and "id" not in message:
            self.on_in_call(message, method, params, payload)
        elif method == "session.credit" and "id" not in message:
            self.notice_limit = params["limit"]
        elif method is not None and method.startswith(RESERVED) and "id" not in message:
            self.counts["unknown"] += 1
        elif "seq" not in message and "error" in message:
            # The peer knows no session yet: the request goes out again in the new one.
            self.counts["unopened"] += 1
            if message["id"] in self.calls:
                self.calls[message["id"]].is_sent = False
        elif "seq" not in message:
            raise Invalid("a message without a number")
        elif method is None:
            self.on_answer(message)
        elif "id" in message:
            self.on_request(message)
        else:
            self.counts["notices"] += 1

    def on_unnumbered(self, method, params):
        if method == "session.ping":
            self.send({"method": "session.pong", "params": {}})
        elif method == "session.ack":
            if params["received"] > self.sent:
                raise Invalid("an acknowledgement of messages that were never sent")
            self.release(params["received"])
        elif method == "session.resync":
            self.counts["resyncs"] += 1
            self.on_resync()
        elif method == "session.goodbye":
            self.counts["goodbyes"] += 1
            self.lose_order()
            self.lose_session("CLOSED")

    def lose_session(self, code):
        """Ends the calls of a session. Calls that were not sent go into the next one if it is lost."""
        self.counts["sessions_lost"] += 1
        is_lost = code == "UNKNOWN_OUTCOME"
        waiting = {}
        for call in self.calls.values():
            if call.is_mine and not call.is_sent and is_lost:
                waiting[call.id] = call
            elif call.is_mine:
                word = "UNKNOWN_OUTCOME" if call.is_sent else code
                call.answer = {"error": failure(word, "The session is lost")}
            elif not call.is_mine and call.is_detached:
                self.detached[call.id] = call
        self.reset()
        self.calls, self.queue = waiting, collections.deque(call.request for call in waiting.values())
