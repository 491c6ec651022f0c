"""Throughput and memory of a 500 MB upload: leakhunt's Replayer, httpx2, requests and curl, side by side.

Each client runs in a process of its own against a server that throws everything away. The clients take turns, in an
order that changes every round, so that a slow moment of the machine hits all alike. Prints a Markdown table; ratios are
the median over rounds of a client's throughput to curl's in the same round.

    python tests/benchmarks/replay.py [--rounds 5] [--size 500MB]
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from leakhunt.units import format_size, parse_size

SINK = """
import socket, threading
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)

def serve(client):
    buffer = bytearray(1 << 20)
    with client:
        while True:
            head = b""
            while b"\\r\\n\\r\\n" not in head:
                data = client.recv(65536)
                if not data:
                    return
                head += data
            head, _, rest = head.partition(b"\\r\\n\\r\\n")
            fields = dict(line.lower().split(b":", 1) for line in head.split(b"\\r\\n")[1:])
            left = int(fields.get(b"content-length", 0)) - len(rest)
            while left > 0:
                count = client.recv_into(buffer)
                if not count:
                    return
                left -= count
            client.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")

while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
"""
REPLAYER = """
import sys, time
from leakhunt.workload.replay import Replayer
from leakhunt.workload.scenario import FilePart, SizeRange, Step, Workload
url, size = sys.argv[1], int(sys.argv[2])
step = Step("video", "POST", "/", files=(FilePart("file", "video", SizeRange(size, size)),))
user = Replayer(
    Workload("benchmark", (step,)), url, unix=None, seed=7, concurrency=1, headers={}, clock=time.perf_counter
)
record, = user.run({"video": 1}, round=0)
assert record.expected and record.sent > size, record
print(record.duration)
"""
REQUESTS = """
import sys, time
import requests
started = time.perf_counter()
with open(sys.argv[3], "rb") as file:
    assert requests.post(sys.argv[1], files={"file": file}).status_code == 200
print(time.perf_counter() - started)
"""
HTTPX = """
import sys, time
import httpx2
started = time.perf_counter()
with open(sys.argv[3], "rb") as file:
    assert httpx2.post(sys.argv[1], files={"file": file}, timeout=600).status_code == 200
print(time.perf_counter() - started)
"""


@dataclass(frozen=True)
class Upload:
    """What one client did: bytes per second, and its largest resident set in bytes.

    The kernel counts this script's own resident set (some 20 MB) into that of a client, so a smaller one is not seen.
    """

    throughput: float
    peak: int


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--size", type=parse_size, default=parse_size("500MB"))
    given = options.parse_args()
    print(markdown(measure(given.rounds, given.size), given.size))


def measure(rounds: int, size: int) -> dict[str, list[Upload]]:
    """`rounds` uploads of `size` bytes by every client there is."""
    with sink() as url, upload_file(size) as file:
        results: dict[str, list[Upload]] = {name: [] for name in clients()}
        for number in range(rounds):
            names = list(results)
            for name in names[number % len(names) :] + names[: number % len(names)]:
                command = clients()[name](url, size, file)
                results[name].append(run(command, size))
    return results


def clients() -> Mapping[str, Callable[[str, int, Path], list[str]]]:
    """Command lines that print the seconds their upload took."""
    found: dict[str, Callable[[str, int, Path], list[str]]] = {
        "leakhunt": lambda url, size, _: [sys.executable, "-c", REPLAYER, url, str(size)],
        "httpx2": lambda url, size, file: [sys.executable, "-c", HTTPX, url, str(size), str(file)],
        "requests": lambda url, size, file: [sys.executable, "-c", REQUESTS, url, str(size), str(file)],
    }
    curl = shutil.which("curl")
    if curl is not None:
        form = ["-H", "Expect:", "-o", "/dev/null", "-w", "%{time_total}"]
        found["curl"] = lambda url, _, file: [curl, "-sS", "--noproxy", "*", *form, "-F", f"file=@{file}", url]
    return found


def run(command: list[str], size: int) -> Upload:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        seconds = float(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, command[0]
    return Upload(size / seconds, usage.ru_maxrss * 1024)


def markdown(results: Mapping[str, list[Upload]], size: int) -> str:
    title = f"Upload of {format_size(size)}"
    lines = [f"| {title} | throughput | of curl's | peak memory |", "|---|---|---|---|"]
    for name, uploads in results.items():
        throughput = statistics.median(upload.throughput for upload in uploads)
        peak = max(upload.peak for upload in uploads)
        lines.append(f"| {name} | {format_size(throughput)}/s | {_ratio(results, name)} | {format_size(peak)} |")
    return "\n".join(lines)


def _ratio(results: Mapping[str, list[Upload]], name: str) -> str:
    pairs = zip(results[name], results.get("curl", ()), strict=False)
    ratios = [ours.throughput / curl.throughput for ours, curl in pairs]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})" if ratios else "no curl here"


@contextmanager
def sink() -> Iterator[str]:
    """A server that reads and throws away, in a process of its own."""
    with subprocess.Popen([sys.executable, "-c", SINK], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


@contextmanager
def upload_file(size: int) -> Iterator[Path]:
    """A file of `size` bytes, read once so that no client waits for the disk."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "video.bin"
        block = os.urandom(1 << 20)
        with path.open("wb") as file:
            for start in range(0, size, len(block)):
                file.write(block[: size - start])
        time.sleep(1)  # let the writes settle before the clock runs
        yield path


if __name__ == "__main__":
    main()
