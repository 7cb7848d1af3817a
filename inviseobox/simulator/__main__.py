"""`python3 -m inviseobox.simulator`: a simulated site to try a box against by hand."""

import argparse
import asyncio
import json
import signal
import sys
from typing import Any

from inviseobox.simulator.site import Site


async def _serve(arguments: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    async with Site(
        form=arguments.form,
        interval=arguments.interval,
        port=arguments.port,
        rtu=arguments.rtu,
        all_values=arguments.all_values,
    ) as site:
        line: dict[str, Any] = {
            "url": site.url,
            "token": site.token,
            "form": arguments.form,
            "interval": arguments.interval,
            "gateway": {"host": site.gateway.listener.host, "port": site.gateway.listener.port},
            "sensor": site.sensor.url,
        }
        if arguments.rtu:
            listener = site.serial_server.listener
            line["serial"] = {"port": str(site.bus.path), "baudrate": site.bus.line.baudrate}
            line["serial_server"] = {"host": listener.host, "port": listener.port}
        print(json.dumps(line), flush=True)
        await stop.wait()


def main() -> int:
    """Run a site until SIGINT or SIGTERM; the first line on stdout is a JSON object that says where it is."""
    parser = argparse.ArgumentParser(
        prog="python3 -m inviseobox.simulator", description="Run a simulated Inviseo site."
    )
    parser.add_argument("--form", choices=("documented", "deployed"), default="documented", help="form of the API")
    parser.add_argument("--interval", type=int, default=1800, metavar="S", help="window that the deployed form tells")
    parser.add_argument("--port", type=int, default=0, metavar="N", help="port of the API (default: a free one)")
    parser.add_argument("--rtu", action="store_true", help="with a serial port and a serial server too")
    parser.add_argument("--all-values", action="store_true", help="with a unit that has every class of value")
    try:
        asyncio.run(_serve(parser.parse_args()))
    except OSError as error:
        print(f"the site cannot be set up: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
