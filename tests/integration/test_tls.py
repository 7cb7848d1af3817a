"""The server over TLS: with a certificate of one's own authority, expired, for another name, of nobody known."""

import ssl
import time
from pathlib import Path

import pytest

from inviseobox.simulator.background import RunningSite, running_site
from tests.support.daemons import Place
from tests.support.judging import faults

from .certificates import Authority, made
from .daemon_sites import INTERVAL, WITHIN, wait_for_more


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return made(tmp_path / "authority")


def _change(site: RunningSite, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Restart the server with another certificate."""
    listener = site.central.http.listener
    port = listener.port
    site.run(listener.stop())
    context.load_cert_chain(certificate, key)
    site.run(listener.start(port=port))


def _has_all(site: RunningSite, until: float) -> bool:
    """Whether the server has a window that ended after `until`, and all before it."""
    ends = set(site.central.window_ends())
    return max(ends) > until and ends.issuperset(range(min(ends), max(ends), INTERVAL))


def test_a_server_with_a_certificate_of_the_configured_authority_is_trusted(box: Place, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    with running_site(ssl_context=context) as site:
        box.configure(site.token, site.url, INTERVAL, ca_file=f'"{authority.certificate}"')
        with box.daemon() as daemon:
            wait_for_more(site, 2)
            daemon.stop()
        assert faults(site, INTERVAL) == []


@pytest.mark.parametrize(
    ("certificate", "said"),
    [
        ({"until": "20201231235959Z"}, "expired"),
        ({"host": "192.0.2.7"}, "IP address mismatch"),
    ],
    ids=["expired", "another host's"],
)
def test_a_certificate_that_is_not_valid_keeps_everything(
    box: Place, authority: Authority, certificate: dict[str, str], said: str
) -> None:
    """One line says why; nothing is told to who cannot prove to be the server; all arrives once it can."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    with running_site(ssl_context=context) as site:
        box.configure(site.token, site.url, INTERVAL, ca_file=f'"{authority.certificate}"')
        with box.daemon() as daemon:
            wait_for_more(site, 1)
            _change(site, context, *authority.issue("bad", **certificate))
            line = daemon.log.wait_for(f"WARNING server: .*certificate is not valid: .*{said}", WITHIN)
            refused_at, had = time.time(), len(site.central.exchanges)
            assert site.token not in line
            for _ in range(2):
                daemon.log.wait_for("closed", WITHIN, after=len(daemon.log.all))
            assert len(site.central.exchanges) == had
            assert len([one for one in daemon.log.all if "certificate is not valid" in one]) == 1
            _change(site, context, *authority.issue("good"))
            daemon.log.wait_for("server: answers again", 30)
            # The newest window goes first, so those of the refusals are not there yet when it is.
            site.wait_until(lambda: _has_all(site, refused_at + 2 * INTERVAL), WITHIN)
            daemon.stop()
        assert faults(site, INTERVAL) == []


def test_a_server_with_a_certificate_of_an_unknown_authority_is_told_nothing(box: Place, authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("server"))
    with running_site(ssl_context=context) as site:
        box.configure(site.token, site.url, INTERVAL)
        with box.daemon() as daemon:
            daemon.log.wait_for("WARNING server: .*certificate is not valid", WITHIN)
            daemon.stop()
        assert site.central.exchanges == []
