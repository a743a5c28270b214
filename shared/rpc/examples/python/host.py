#!/usr/bin/python3
"""A host of kes-respond in Python: it launches the plugin, describes it, sends
the requests of a file, prints the events, and ends the plugin.

    host.py PLUGIN REQUESTS

PLUGIN is the binary; REQUESTS holds one JSON request a line, as for
"kes-respond serve". All it takes is responder.proto and gRPC for Python (Debian:
python3-grpcio and python3-grpc-tools). The exit code is 0 if every request
ended well. On Windows a plugin needs certificates (AutoMTLS), which this example
leaves out.
"""

import concurrent.futures
import json
import os
import subprocess
import sys
import tempfile

import grpc
import grpc_tools.protoc

HERE = os.path.dirname(os.path.abspath(__file__))
PROTO = os.path.join(HERE, "..", "..")  # where responder.proto lies

# How a host and the plugin know each other: package rpc's Handshake.
COOKIE = {"KES_RESPOND_PLUGIN": "d5f0c4f6-7a0e-4b3a-9d0c-3f4f8f1c2b67"}
PROTOCOL = 1

WELL = {"succeeded", "submitted", "planned"}


def generate():
    """Makes the Python of responder.proto. A host that is more than an example
    does this once, when it is built."""
    out = tempfile.TemporaryDirectory()
    well_known = os.path.join(os.path.dirname(grpc_tools.__file__), "_proto")
    arguments = ["protoc", "-I" + PROTO, "-I" + well_known, "--python_out=" + out.name, "--grpc_python_out=" + out.name, "responder.proto"]
    if grpc_tools.protoc.main(arguments) != 0:
        sys.exit("responder.proto could not be compiled")
    sys.path.insert(0, out.name)
    return out


def launch(plugin):
    """Starts the plugin, and gives its process and a channel to it."""
    environment = {**os.environ, **COOKIE, "PLUGIN_PROTOCOL_VERSIONS": str(PROTOCOL)}
    process = subprocess.Popen([plugin], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    # One line says where it listens: core protocol|protocol|network|address|gRPC|certificate
    line = process.stdout.readline().strip()
    parts = line.split("|")
    if len(parts) < 5 or parts[0] != "1" or parts[1] != str(PROTOCOL) or parts[2] != "unix" or parts[4] != "grpc":
        process.kill()
        sys.exit("this is no plugin of ours: %r; its standard error says more" % line)
    return process, grpc.insecure_channel("unix:" + parts[3])


def tell(line):
    """Prints a line at once: lines of several threads do not mix."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def carry_out(call, request):
    """Sends one request, prints its events, and gives its outcome."""
    outcome = "unknown"  # a stream that breaks without a result says nothing
    try:
        for message in call(request):
            text = message.value.decode()
            tell(text)
            event = json.loads(text)  # members and types that are not known are skipped
            if event["type"] == "result":
                outcome = event["outcome"]
            elif event["type"] == "error":
                outcome = "refused"
    except grpc.RpcError as lost:
        print("the plugin was lost: %s" % lost.code(), file=sys.stderr)
    return outcome


def main(plugin, requests):
    generated = generate()
    from google.protobuf.wrappers_pb2 import BytesValue
    import responder_pb2_grpc

    process, channel = launch(plugin)
    try:
        responder = responder_pb2_grpc.ResponderStub(channel)
        described = responder.Describe(BytesValue(value=b'{"type":"describe"}'))
        tell(described.value.decode())
        with open(requests, "rb") as lines, concurrent.futures.ThreadPoolExecutor(8) as several:
            outcomes = []
            for line in filter(None, map(bytes.strip, lines)):
                asks = json.loads(line).get("type", "respond")
                call = responder.Status if asks == "status" else responder.Respond
                outcomes.append(several.submit(carry_out, call, BytesValue(value=line)))
            outcomes = [o.result() for o in outcomes]
    finally:
        # SIGTERM has the plugin take no more requests, let those that run end,
        # and leave. A host in Go calls go-plugin's Kill, which does the same.
        process.terminate()
        process.wait()
        channel.close()
        generated.cleanup()
    return 0 if WELL.issuperset(outcomes) else 1


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2]))
