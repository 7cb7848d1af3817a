"""An installed and configured package outlives the machine's next boot. The rest of its life is in test_life."""

from inviseobox.simulator.background import running_site
from tests.support.machine import Machine

from .service import CONFIGURATION, configuration, wait_for_windows, wait_until_active


def test_the_configured_service_starts_by_itself_at_boot(box: Machine) -> None:
    with running_site() as site:
        box.write(str(CONFIGURATION), configuration(site))
        box.shut_down()
        box.boot()
        wait_until_active(box)
        wait_for_windows(site, 1)
