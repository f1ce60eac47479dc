"""`python -m tests.simulated --nodes 1000 --servers 20000 --latency-ms 50`: the simulated cloud as a process of its own; prints its URL."""

import argparse
import sys

from tests.simulated.content import Content
from tests.simulated.server import SimulatedCloud

parser = argparse.ArgumentParser(prog="tests.simulated", description=__doc__)
parser.add_argument("--nodes", type=int, default=3)
parser.add_argument("--servers", type=int, default=12)
parser.add_argument("--latency-ms", type=float, default=0.0)
parser.add_argument(
    "--row-ms", type=float, default=0.0, help="work per row of servers/detail; a tenth for other rows"
)
for kind, usual in (("networks", 3), ("flavors", 5), ("aggregates", 1)):
    parser.add_argument(f"--{kind}", type=int, default=usual)
parser.add_argument("--port", type=int, default=0)
options = parser.parse_args()
with SimulatedCloud(
    Content(
        options.nodes,
        options.servers,
        networks=options.networks,
        flavors=options.flavors,
        aggregates=options.aggregates,
    ),
    latency_s=options.latency_ms / 1000,
    row_s=options.row_ms / 1000,
    port=options.port,
) as cloud:
    print(cloud.url, flush=True)
    sys.stdin.read()  # until whoever started us closes our input
