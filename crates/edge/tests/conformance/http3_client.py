"""Asks the edge over HTTP/3 with aioquic: http3_client.py <name> <port>. The last line counts the checks that passed."""

import asyncio
import ssl
import sys

from aioquic.asyncio.client import connect
from aioquic.asyncio.protocol import QuicConnectionProtocol
from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.h3.events import DataReceived, HeadersReceived
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.events import ConnectionTerminated

LIMIT_S = 60


class Client(QuicConnectionProtocol):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.http = H3Connection(self._quic)
        self.answers = {}

    def begin(self, method, path, headers=(), body=b"", ends=True):
        stream = self._quic.get_next_available_stream_id()
        self.answers[stream] = (asyncio.get_running_loop().create_future(), [], bytearray())
        head = [
            (b":method", method.encode()),
            (b":scheme", b"https"),
            (b":authority", sys.argv[1].encode()),
            (b":path", path.encode()),
            *headers,
        ]
        self.http.send_headers(stream, head, end_stream=ends and not body)
        if body:
            self.http.send_data(stream, body, end_stream=ends)
        self.transmit()
        return stream

    async def end(self, stream):
        """Status, headers, body."""
        _, head, body = await asyncio.wait_for(self.answers[stream][0], LIMIT_S)
        headers = dict(head)
        return int(headers[b":status"]), headers, bytes(body)

    async def ask(self, *args, **kwargs):
        return await self.end(self.begin(*args, **kwargs))

    def give_up(self, stream):
        self.answers[stream][0].cancel()
        self._quic.reset_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        self._quic.stop_stream(stream, ErrorCode.H3_REQUEST_CANCELLED)
        self.transmit()

    def quic_event_received(self, event):
        if isinstance(event, ConnectionTerminated):
            reason = ConnectionError(f"{event.error_code:#x} {event.reason_phrase}")
            for waiting, _, _ in self.answers.values():
                if not waiting.done():
                    waiting.set_exception(reason)
        for happened in self.http.handle_event(event):
            waiting, head, body = self.answers[happened.stream_id]
            if isinstance(happened, HeadersReceived):
                head.extend(happened.headers)
            elif isinstance(happened, DataReceived):
                body.extend(happened.data)
            if happened.stream_ended and not waiting.done():
                waiting.set_result((happened.stream_id, head, body))


async def checks(client):
    status, headers, body = await client.ask("GET", "/method")
    yield "a plain request", (status, body) == (200, b"GET") and b"fly-request-id" in headers
    yield "any method", (await client.ask("PURGE", "/method"))[2] == b"PURGE"
    yield "a large answer", len((await client.ask("GET", "/large"))[2]) == 8 << 20
    sent = bytes(range(256)) * 8192
    yield "a body both ways", (await client.ask("POST", "/echo", body=sent))[2] == sent
    streams = [client.begin("POST", "/echo", body=str(n).encode()) for n in range(90)]
    answers = [(await client.end(stream))[2] for stream in streams]
    yield "many at once", answers == [str(n).encode() for n in range(90)]
    # No more at once than the edge takes: aioquic resets streams that it was not allowed to open, and is cut off.
    for pause_s in (0, 0, 0, 1, 1, 1):
        streams = [client.begin("GET", "/never") for _ in range(90)]
        await asyncio.sleep(pause_s)
        for stream in streams:
            client.give_up(stream)
        # Behind those that were given up: the edge has read of them.
        yield "after many that were given up", (await client.ask("GET", "/method"))[0] == 200
    status, headers, _ = await client.ask("POST", "/echo", [(b"content-length", b"9")], b"short")
    yield "a body shorter than it says", status == 400 and headers[b"roost-error"] == b"E403"
    yield "a missing page", (await client.ask("GET", "/none"))[0] == 404


async def main():
    configuration = QuicConfiguration(is_client=True, alpn_protocols=H3_ALPN, verify_mode=ssl.CERT_NONE)
    configuration.server_name = sys.argv[1]
    passed = failed = 0
    port = int(sys.argv[2])
    async with connect("127.0.0.1", port, configuration=configuration, create_protocol=Client) as client:
        async for name, holds in checks(client):
            print("ok" if holds else "FAILED", name, flush=True)
            passed, failed = passed + holds, failed + (not holds)
    print(f"{passed} checks passed" if failed == 0 else f"{failed} checks failed")
    sys.exit(failed > 0)


asyncio.run(main())
