"""One process of a run: reads seeds, writes one line of JSON per seed."""

from __future__ import annotations

import json
import sys
from dataclasses import fields

from devstack.postgres import Server
from tests.support.databases import execute
from verification.simulation.database import SimDatabase
from verification.simulation.world import run_seed


def main() -> None:
    """Run the seeds that the argument lists."""
    order = json.loads(sys.argv[1])
    server = Server(**order["server"])
    name = f"simulation_{order['first']}"
    execute(server.url(), f"create database {name} template {order['template']}")
    database = SimDatabase(server.url(name))
    for place in range(order["count"]):
        seed = run_seed(order["first"] + place * order["stride"], database)
        result = {field.name: getattr(seed, field.name) for field in fields(seed)}
        if result["failure"] is None:
            result["trace"] = []
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()
    database.close()


if __name__ == "__main__":
    main()
