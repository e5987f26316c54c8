"""Makes every kind of gRPC call: `client.py plain|tls ADDRESS NAME [CERTIFICATE]`. Says what it has done."""

import queue
import sys
from concurrent import futures

import grpc

PATIENCE = 60
LARGE = 8 << 20

mode, address, name = sys.argv[1:4]
options = [
    ("grpc.default_authority", name),
    ("grpc.max_receive_message_length", 64 << 20),
    ("grpc.max_send_message_length", 64 << 20),
]
if mode == "tls":
    with open(sys.argv[4], "rb") as file:
        trusted = grpc.ssl_channel_credentials(root_certificates=file.read())
    channel = grpc.secure_channel(address, trusted, options + [("grpc.ssl_target_name_override", name)])
else:
    channel = grpc.insecure_channel(address, options)

unary = channel.unary_unary("/test.Test/Unary")
answer, call = unary.with_call(b"hello", timeout=PATIENCE, metadata=(("asked", "yes"),))
assert answer == b"olleh" and ("seen", "yes") in call.trailing_metadata(), (answer, call.trailing_metadata())
print("unary, with trailers")

large = bytes(range(256)) * (LARGE // 256)
assert unary(large, timeout=PATIENCE) == large[::-1]
print("unary, 8 MiB each way")

try:
    channel.unary_unary("/test.Test/Refuse")(b"", timeout=PATIENCE)
    raise SystemExit("it was not refused")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.FAILED_PRECONDITION, error
    assert error.details() == "not today: äöü" and ("why-bin", b"\x00\xff") in error.trailing_metadata(), error
print("an error with its details")

count = channel.unary_stream("/test.Test/Count")
assert [int(n) for n in count(b"1000", timeout=PATIENCE)] == list(range(1000))
print("a stream of answers")

total = channel.stream_unary("/test.Test/Total")
assert total((b"x" * n for n in range(1000)), timeout=PATIENCE) == str(sum(range(1000))).encode()
print("a stream of requests")

# Each message is sent only when the one before has been answered.
asked = queue.Queue()
answers = channel.stream_stream("/test.Test/Echo")(iter(asked.get, None), timeout=PATIENCE)
for n in range(100):
    asked.put(f"message {n}".encode())
    assert next(answers) == f"MESSAGE {n}".encode()
asked.put(None)
assert list(answers) == [] and answers.code() == grpc.StatusCode.OK
print("both at once")

endless = channel.unary_stream("/test.Test/Endless")(b"", timeout=PATIENCE)
for _ in range(100):
    assert next(endless) == b"tick"
endless.cancel()
print("cancelled by the client")

try:
    list(channel.unary_stream("/test.Test/Endless")(b"", timeout=0.5))
    raise SystemExit("the deadline passed unnoticed")
except grpc.RpcError as error:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED, error
print("a deadline")

with futures.ThreadPoolExecutor(max_workers=50) as many:
    texts = [f"call {n}".encode() for n in range(500)]
    assert list(many.map(lambda text: unary(text, timeout=PATIENCE), texts)) == [text[::-1] for text in texts]
print("many at once")
print("every call as it should be")
