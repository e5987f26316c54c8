"""Carries the WebSockets of HTTP/1.1 clients over one HTTP/2 connection (RFC 8441) with h2: http2_relay.py <name> <port>.

The first line says at which port it listens. When its input ends, the last one says what it has carried, or what was
not as it should be.
"""

import asyncio
import base64
import hashlib
import ssl
import sys

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import StreamClosedError
from h2.settings import SettingCodes

LIMIT_S = 60
PIECE = 1 << 16
# What all WebSockets may have under way: one that is not read holds up no other.
CONNECTION_WINDOW = 16 << 20
# Of what only HTTP/1.1 says, the answer must hold nothing.
FORBIDDEN = {"connection", "upgrade", "sec-websocket-accept", "transfer-encoding", "content-length"}


class Tunnel:
    """A stream of the connection."""

    def __init__(self):
        self.answer = asyncio.get_running_loop().create_future()
        # Pieces with what they take of the window; at the end None, or what broke it.
        self.received = asyncio.Queue()
        self.room = asyncio.Event()

    def end(self, error=None):
        self.received.put_nowait((error, 0))
        if not self.answer.done():
            self.answer.set_exception(error or EOFError("a stream that ends without an answer"))
        self.room.set()


class Edge:
    """The connection, shared by all WebSockets."""

    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.http = H2Connection(H2Configuration(header_encoding="utf-8"))
        self.tunnels = {}
        self.opened = self.most = 0
        self.settled = asyncio.Event()

    @classmethod
    async def connect(cls, name, port):
        tls = ssl.create_default_context()
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.set_alpn_protocols(["h2"])
        streams = await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname=name, limit=PIECE)
        edge = cls(*streams)
        chosen = edge.writer.get_extra_info("ssl_object").selected_alpn_protocol()
        assert chosen == "h2", f"ALPN chose {chosen}"
        edge.http.initiate_connection()
        edge.http.increment_flow_control_window(CONNECTION_WINDOW)
        await edge.flush()
        edge.reading = asyncio.create_task(edge.read())
        await asyncio.wait_for(edge.settled.wait(), LIMIT_S)
        assert edge.http.remote_settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL) == 1, "no extended CONNECT"
        return edge

    async def flush(self):
        self.writer.write(self.http.data_to_send())
        await self.writer.drain()

    async def read(self):
        error = None
        try:
            while data := await self.reader.read(PIECE):
                for event in self.http.receive_data(data):
                    self.happened(event)
                await self.flush()
        except Exception as broken:
            error = broken
            raise
        finally:
            for tunnel in self.tunnels.values():
                tunnel.end(error or ConnectionResetError("the connection ended"))

    def happened(self, event):
        tunnel = self.tunnels.get(getattr(event, "stream_id", None))
        match event:
            case RemoteSettingsChanged():
                self.settled.set()
            case WindowUpdated(stream_id=0):
                for waiting in self.tunnels.values():
                    waiting.room.set()
            case ConnectionTerminated():
                raise ConnectionResetError(f"GOAWAY {event.error_code}: {event.additional_data}")
            case DataReceived() if tunnel is None:
                # Behind a stream that was given up.
                self.http.increment_flow_control_window(event.flow_controlled_length)
            case _ if tunnel is None:
                pass
            case WindowUpdated():
                tunnel.room.set()
            case ResponseReceived():
                tunnel.answer.set_result(dict(event.headers))
            case DataReceived():
                tunnel.received.put_nowait((event.data, event.flow_controlled_length))
            case StreamEnded():
                tunnel.end()
            case StreamReset():
                tunnel.end(ConnectionResetError(f"stream reset: {event.error_code}"))

    async def open(self, name, path):
        stream = self.http.get_next_available_stream_id()
        tunnel = self.tunnels[stream] = Tunnel()
        self.opened, self.most = self.opened + 1, max(self.most, len(self.tunnels))
        head = [
            (":method", "CONNECT"),
            (":protocol", "websocket"),
            (":scheme", "https"),
            (":authority", name),
            (":path", path),
            ("sec-websocket-version", "13"),
        ]
        self.http.send_headers(stream, head)
        await self.flush()
        headers = await asyncio.wait_for(tunnel.answer, LIMIT_S)
        assert headers[":status"] == "200", f"an answer of {headers}"
        assert not FORBIDDEN & headers.keys(), f"an answer with {headers}"
        return stream, tunnel

    async def send(self, stream, tunnel, data):
        while data:
            tunnel.room.clear()
            room = min(self.http.local_flow_control_window(stream), self.http.max_outbound_frame_size)
            if room <= 0:
                await tunnel.room.wait()
                continue
            self.http.send_data(stream, data[:room])
            data = data[room:]
            await self.flush()

    async def took(self, stream, length):
        self.http.acknowledge_received_data(length, stream)
        await self.flush()

    def give_up(self, stream):
        del self.tunnels[stream]
        if self.http.streams.get(stream) and not self.http.streams[stream].closed:
            self.http.reset_stream(stream, ErrorCodes.CANCEL)


async def carry(edge, name, reader, writer):
    """One WebSocket, until both sides have ended it, or one has broken it."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    path = head.split(" ")[1]
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:-2])
    key = next(line for line in head.split("\r\n") if line.lower().startswith("sec-websocket-key:"))
    assert fields["upgrade"] == "websocket", head
    stream, tunnel = await edge.open(name, path)
    accept = base64.b64encode(hashlib.sha1(key.split(": ")[1].encode() + GUID).digest()).decode()
    writer.write(AGREED.format(accept).encode())
    try:
        async with asyncio.TaskGroup() as both:
            both.create_task(up(edge, stream, tunnel, reader))
            both.create_task(down(edge, stream, tunnel, writer))
    except* StreamClosedError:
        # The edge has no more use for what the client still says.
        pass
    except* OSError:
        # An end has broken it off: so it is for the other.
        writer.transport.abort()
    finally:
        edge.give_up(stream)
        await edge.flush()
        writer.close()


GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
AGREED = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {}\r\n\r\n"


async def up(edge, stream, tunnel, reader):
    while data := await reader.read(PIECE):
        await edge.send(stream, tunnel, data)
    edge.http.end_stream(stream)
    await edge.flush()


async def down(edge, stream, tunnel, writer):
    while True:
        data, length = await tunnel.received.get()
        if isinstance(data, Exception):
            raise data
        if data is None:
            writer.write_eof()
            return
        writer.write(data)
        await writer.drain()
        await edge.took(stream, length)


async def main():
    name, port = sys.argv[1], int(sys.argv[2])
    edge = await Edge.connect(name, port)
    wrong = []

    async def serve(reader, writer):
        try:
            await carry(edge, name, reader, writer)
        except BaseException as error:
            wrong.append(repr(error))
            writer.transport.abort()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, limit=PIECE)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    if edge.reading.done():
        wrong.append(f"the connection ended: {edge.reading.exception()!r}")
    if wrong:
        print(*wrong, sep="\n")
        sys.exit(1)
    print(f"{edge.opened} WebSockets over one connection, {edge.most} at once", flush=True)


asyncio.run(main())
