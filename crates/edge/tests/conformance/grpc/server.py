"""A gRPC server whose messages are plain bytes: `server.py ADDRESS`."""

import sys
from concurrent import futures

import grpc


def unary(request, context):
    context.set_trailing_metadata((("seen", dict(context.invocation_metadata()).get("asked", "")),))
    return request[::-1]


def refuse(request, context):
    context.set_trailing_metadata((("why-bin", b"\x00\xff"),))
    context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not today: äöü")


def count(request, context):
    for n in range(int(request)):
        yield str(n).encode()


def total(requests, context):
    return str(sum(len(request) for request in requests)).encode()


def echo(requests, context):
    for request in requests:
        yield request.upper()


def endless(request, context):
    context.add_callback(lambda: print("cancelled", flush=True))
    while context.is_active():
        yield b"tick"


handlers = {
    "Unary": grpc.unary_unary_rpc_method_handler(unary),
    "Refuse": grpc.unary_unary_rpc_method_handler(refuse),
    "Count": grpc.unary_stream_rpc_method_handler(count),
    "Total": grpc.stream_unary_rpc_method_handler(total),
    "Echo": grpc.stream_stream_rpc_method_handler(echo),
    "Endless": grpc.unary_stream_rpc_method_handler(endless),
}
limits = [("grpc.max_receive_message_length", 64 << 20), ("grpc.max_send_message_length", 64 << 20)]
server = grpc.server(futures.ThreadPoolExecutor(max_workers=64), options=limits)
server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("test.Test", handlers),))
server.add_insecure_port(sys.argv[1])
server.start()
print("listens", flush=True)
server.wait_for_termination()
