"""The order of versions is dpkg's."""

import subprocess

from hypothesis import given, settings
from hypothesis import strategies as st

from versions import ascending, is_lower, newest

_PART = st.text("019aZ~+.", max_size=5)
_VERSIONS = st.builds(
    lambda epoch, upstream, revision: f"{epoch}0{upstream}{revision}",
    st.sampled_from(["", "0:", "1:"]),
    _PART,
    st.one_of(st.just(""), _PART.map(lambda part: f"-{part}0")),
)


@settings(max_examples=150)
@given(_VERSIONS, _VERSIONS)
def test_the_order_is_that_of_dpkg(one: str, other: str) -> None:
    def dpkg(relation: str) -> bool:
        return subprocess.run(["dpkg", "--compare-versions", one, relation, other], check=False).returncode == 0

    assert (is_lower(one, other), is_lower(other, one)) == (dpkg("lt"), dpkg("gt"))


def test_numbers_are_compared_as_numbers_and_a_tilde_comes_before_the_end() -> None:
    assert ascending(("1.10", "1.9", "1.10~rc1", "1:0.1")) == ("1.9", "1.10~rc1", "1.10", "1:0.1")
    assert newest(("1.10", "1.9")) == "1.10"
    assert newest(()) is None
