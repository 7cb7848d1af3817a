"""What a person means by a name, a part of one, or an id."""

import pytest

from inviseobox.control.selection import selected
from inviseobox.devices.inventory import Inventory
from tests.support.entries import listed


def _inventory() -> Inventory:
    def device(identity: str, name: str, *measurements: tuple[str, str]) -> dict[str, object]:
        return {
            "_id": identity,
            "name": name,
            "measurements": [{"_id": one, "name": each} for one, each in measurements],
        }

    return listed(
        device("d1", "Compteur général", ("m1", "Énergie active"), ("m2", "Puissance")),
        device("d2", "Chambre froide", ("m3", "Température"), ("m4", "Puissance du groupe")),
        device("d3", "d1", ("m5", "rien")),
    )


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", {"d1": "m1 m2", "d2": "m3 m4", "d3": "m5"}),
        ("general", {"d1": "m1 m2"}),
        ("GÉNÉRAL", {"d1": "m1 m2"}),
        ("énergie", {"d1": "m1"}),
        ("puissance", {"d1": "m2", "d2": "m4"}),
        ("m3", {"d2": "m3"}),
        ("d1", {"d1": "m1 m2", "d3": "m5"}),
        ("D2", {}),
        ("nulle part", {}),
    ],
)
def test_a_text_selects_by_name_part_of_a_name_or_id(text: str, meant: dict[str, str]) -> None:
    found = {device.id: " ".join(one.id for one in some) for device, some in selected(_inventory().devices, text)}
    assert found == meant
