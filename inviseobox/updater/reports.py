"""What the maintainer is told of a version that was taken back, if there is an address for it.

A report is a JSON object: `schema` (1), `box` (16 hexadecimal digits, always the same for one box), `hostname`,
`version` (the one that was taken back), `from` (the one that runs in its place), `reason` (one English line), `at`
(seconds since the epoch), `debian` (its version) and `journal` (the service's last lines). While `schema` is 1, keys
are only added.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from . import http_request
from .errors import ReportNotTaken, RequestFailed
from .http_request import Request
from .texts import clean

SCHEMA = 1
MOST_LINES = 50
_LONGEST_LINE = 1000
_APPLICATION = b"inviseobox-updater"
_LIKE_A_TOKEN = re.compile(r"[0-9a-fA-F]{64}")
_TOKEN = "(token)"  # noqa: S105


def body(
    *,
    machine_id: str,
    hostname: str,
    version: str,
    back_to: str,
    reason: str,
    at: float,
    debian: str,
    journal: Sequence[str],
    secrets: Iterable[str],
) -> dict[str, Any]:
    """Return the report. `secrets` are replaced wherever they stand in it, and all that looks like a token.

    The machine id, which is confidential (machine-id(5)), cannot be told from `box`.
    """
    known = sorted(filter(None, secrets), key=len, reverse=True)

    def safe(text: str, most: int) -> str:
        for secret in known:
            text = text.replace(secret, _TOKEN)
        return clean(_LIKE_A_TOKEN.sub(_TOKEN, text), most)

    return {
        "schema": SCHEMA,
        "box": hmac.new(machine_id.encode(), _APPLICATION, hashlib.sha256).hexdigest()[:16],
        "hostname": safe(hostname, 100),
        "version": version,
        "from": back_to,
        "reason": safe(reason, _LONGEST_LINE),
        "at": at,
        "debian": safe(debian, 100),
        "journal": [safe(line, _LONGEST_LINE) for line in journal[-MOST_LINES:]],
    }


def post(url: str, report: Mapping[str, Any], seconds: float = 10) -> None:
    """Send a report. Raises ReportNotTaken unless the answer is 2xx and no web page."""
    headers = {"Content-Type": "application/json", "User-Agent": "inviseobox-updater"}
    try:
        answer = http_request.send(
            Request("POST", url, headers, json.dumps(report).encode()), seconds=seconds, most=_LONGEST_LINE
        )
    except RequestFailed as error:
        raise ReportNotTaken(str(error)) from None
    if not 200 <= answer.status < 300:
        raise ReportNotTaken(f"the answer is {answer.status}")
    if answer.body.lstrip()[:1] == b"<":
        raise ReportNotTaken("the answer is a web page; does the network want a login?")
