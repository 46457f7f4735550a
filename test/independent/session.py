"""Owns sessions: epochs, numbers, acknowledgements, and what is sent again after a cut."""

import collections
import secrets
import select
import socket
import time

import frames
from calls import Calls
from streams import OUT_BYTES, Breach, failure

# So many bytes count as one message more: 32 messages or 256 KiB.
ACK_MESSAGES, ACK_BYTES_EACH, ACK_SECONDS = 32, 8192, 0.5
DATA_WINDOW, OTHER_WINDOW = 2 * 1_048_576, 1_048_576
TORN_SECONDS = 2


class Session(Calls):
    """What both sides have in common. Subclasses open the channel and make the first exchange."""

    is_listener = False

    def __init__(self, path, capabilities=("raw",), ping_seconds=1.0):
        self.path, self.capabilities, self.ping_seconds = path, list(capabilities), ping_seconds
        self.channel, self.is_open, self.out = None, False, bytearray()
        self.counts = collections.Counter()
        self.serve = lambda call, method, params: self.fail(call, "UNKNOWN_METHOD", "There is no such method")
        self.reset()

    def reset(self):
        """Begins a session: the numbers of both directions start again."""
        self.session_id, self.instance, self.began_with = secrets.token_urlsafe(16), None, None
        self.sent = self.received = self.acknowledged = self.unreported = 0
        self.kept, self.queue, self.calls = collections.deque(), collections.deque(), {}
        self.kept_bytes = {True: 0, False: 0}
        self.heard_at = self.byte_at = self.ack_at = time.monotonic()

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
                self.heard_at = self.byte_at = time.monotonic()
                self.frames.buffer += data
                self.read_frames()
            if writable and self.channel is not None and self.out:
                del self.out[: self.channel.send(self.out)]
        except OSError:
            self.close()
        self.check_timers()
        return ready

    def dial(self):
        """Connects. The socket stands for the port, so this says nothing about the peer."""
        while self.channel is None:
            channel = socket.socket(socket.AF_UNIX)
            try:
                channel.connect(self.path)
                self.channel = channel
            except (FileNotFoundError, ConnectionRefusedError):
                channel.close()
                select.select([], [], [], 0.02)
        self.channel.setblocking(False)
        self.heard_at = self.byte_at = time.monotonic()
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
            elif self.is_open:
                self.receive(message, payload[0])
            elif self.is_listener:
                self.refuse_unopened(message)

    def check_timers(self):
        now = time.monotonic()
        if self.is_open and self.unreported and now - self.ack_at > ACK_SECONDS:
            self.acknowledge()
        if self.is_open and now - self.heard_at > self.ping_seconds and not self.out:
            self.heard_at = now
            self.counts["pings"] += 1
            self.send({"method": "session.ping", "params": {}})

    # Sending

    def send(self, message):
        self.out += frames.encode(message)

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
                self.number(lambda seq: frames.encode({"seq": seq, **message}), False)
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
                self.number(lambda seq: frames.encode({"seq": seq, **end}), True)
                writer.done()
                continue
            form = writer.form()
            form = "text" if form == "raw" and not self.frames.is_raw else form
            self.number(lambda seq: self.chunk(seq, place, writer.offset, data, form), True)
            writer.offset += len(data)
        return has_sent

    def chunk(self, seq, place, offset, data, form):
        line, form = frames.encode_chunk(seq, place["call"], place["stream"], offset, data, form)
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
        self.unreported, self.ack_at = 0, time.monotonic()
        self.send({"method": "session.ack", "params": {"received": self.received}})

    def complain(self, message):
        self.counts["complaints_sent"] += 1
        self.send({"id": None, "error": failure("BAD_REQUEST", message)})

    # Receiving

    def receive(self, message, payload):
        seq = message.get("seq")
        if seq is None:
            self.on_unnumbered(message)
        elif seq <= self.received:
            self.counts["repeated"] += 1
        elif seq > self.received + 1:
            self.counts["gaps"] += 1
            self.send({"method": "session.resync", "params": {"received": self.received}})
            self.lose_order()
        else:
            self.received = seq
            self.unreported += 1 + len(payload or message.get("params", {}).get("text", "")) // ACK_BYTES_EACH
            if self.unreported >= ACK_MESSAGES:
                self.acknowledge()
            try:
                self.on_numbered(message, payload)
            except (AttributeError, KeyError, TypeError) as reason:
                self.complain(f"an invalid message: {reason!r}")

    def on_unnumbered(self, message):
        method, params = message.get("method"), message.get("params", {})
        if method == "session.ping":
            self.send({"method": "session.pong", "params": {}})
        elif method == "session.ack":
            if params["received"] > self.sent:
                self.complain("an acknowledgement of messages that were never sent")
            else:
                self.release(params["received"])
        elif method == "session.resync":
            self.counts["resyncs"] += 1
            self.on_resync()
        elif method == "session.goodbye":
            self.counts["goodbyes"] += 1
            self.close()
            self.lose_session("CLOSED")
        elif method is None and message.get("id", 0) is None:
            self.counts["complaints"] += 1
            self.last_complaint = message["error"]
        elif method is None and "error" in message:
            # The peer knows no session yet: the request goes out again in the new one.
            self.counts["unopened"] += 1
        elif method != "session.pong":
            self.complain("a message without a number")

    def on_numbered(self, message, payload):
        method, params = message.get("method"), message.get("params", {})
        if method is None:
            self.on_answer(message)
        elif method.startswith("stream.") or method == "call.message":
            call = self.calls.get(params.get("call"))
            if call is None:
                self.counts["late"] += 1
                return
            try:
                self.on_call_message(call, method, params, payload)
            except Breach as breach:
                self.break_call(call, str(breach))
        elif method == "session.credit":
            self.notice_limit = params["limit"]
        elif "id" in message:
            self.on_request(message)
        else:
            self.counts["notices"] += 1

    def lose_session(self, code):
        """Ends the calls of a session that cannot go on. Those that were never sent go into the next one."""
        self.counts["sessions_lost"] += 1
        unsent = [message for message in self.queue if "method" in message and "id" in message]
        ids = [message["id"] for message in unsent]
        waiting = {call_id: self.calls[call_id] for call_id in ids if call_id in self.calls}
        for call in self.calls.values():
            if call.is_mine and call.id not in waiting:
                word = "UNKNOWN_OUTCOME" if call.is_sent else code
                call.answer = {"error": failure(word, "The session is lost")}
        self.reset()
        self.calls, self.queue = waiting, collections.deque(unsent)
