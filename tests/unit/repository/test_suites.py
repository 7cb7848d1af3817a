"""Versions go to beta, then to stable, and never back. That each refusal is told is tested with the program."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import Refused
from suites import Content, Phase, phased, promoted, published, withdrawn
from versions import ascending, is_lower, newest

_VERSIONS = st.sampled_from(["0.9", "1.0", "1.1", "1.1~rc1", "1.2", "1.10"])
_PERCENT = st.sampled_from([1, 10, 50, 100])
_STEPS: st.SearchStrategy[Callable[[Content], Content]] = st.one_of(
    st.builds(
        lambda version, digest: lambda content: published(content, version, {f"{version}.deb": digest}),
        _VERSIONS,
        st.sampled_from("ab"),
    ),
    st.builds(
        lambda version, percent: lambda content: promoted(content, version, percent),
        st.none() | _VERSIONS,
        st.none() | _PERCENT,
    ),
    st.builds(lambda percent: lambda content: phased(content, percent), _PERCENT),
    st.builds(lambda version: lambda content: withdrawn(content, version), _VERSIONS),
)


def _content(*versions: str) -> Content:
    content = Content()
    for version in versions:
        content = published(content, version, {f"{version}.deb": version})
    return content


def _offered(content: Content, suite: str, *, is_in_phase: bool) -> str | None:
    """Return the version that apt would choose for a box in or outside a phase."""
    there = content.suites[suite]
    highest = newest(there.versions)
    if there.phase and not is_in_phase and highest == there.phase.version:
        return newest(tuple(one for one in there.versions if one != highest))
    return highest


@given(st.lists(_STEPS, max_size=12))
def test_whatever_is_asked_no_box_is_stranded(steps: list[Callable[[Content], Content]]) -> None:
    content = Content()
    for step in steps:
        before = content
        with contextlib.suppress(Refused):
            content = step(before)
        beta, stable = content.suites["beta"], content.suites["stable"]
        for suite in (beta, stable):
            assert suite.versions == ascending(suite.versions)
            assert not set(suite.versions) & set(content.withdrawn)
        assert set(content.files) == {*beta.versions, *stable.versions}
        # Only the newest version of stable is phased: whoever is outside is offered the one before.
        if stable.phase:
            assert stable.phase.version == stable.versions[-1]
        assert beta.phase is None
        for name in content.suites:
            was = _offered(before, name, is_in_phase=False)
            now = _offered(content, name, is_in_phase=False)
            is_behind = was is not None and (now is None or is_lower(now, was))
            assert not is_behind or was in content.withdrawn
        # What is new is above all that boxes may have and can no longer get.
        for version in {*stable.versions, *beta.versions} - {*before.suites["stable"].versions, *before.files}:
            assert all(is_lower(bad, version) for bad in content.withdrawn)


def test_the_first_version_goes_to_both_suites_and_the_next_one_to_beta() -> None:
    suites = _content("1.0", "1.1").suites
    assert (suites["beta"].versions, suites["stable"].versions) == (("1.0", "1.1"), ("1.0",))


def test_after_the_only_version_was_withdrawn_the_next_one_goes_to_beta_alone() -> None:
    content = withdrawn(_content("1.0"), "1.0")
    content = published(content, "1.1", {"1.1.deb": "b"})
    assert (content.suites["beta"].versions, content.suites["stable"].versions) == (("1.1",), ())
    assert promoted(content, None, 10).suites["stable"].phase == Phase("1.1", 10)


def test_a_published_version_gains_files_where_it_is() -> None:
    content = published(_content("1.0", "1.1"), "1.1", {"more.deb": "m"})
    assert content.files["1.1"] == {"1.1.deb": "1.1", "more.deb": "m"}
    assert content.suites == _content("1.0", "1.1").suites


@pytest.mark.parametrize("before", [_content("1.0"), withdrawn(_content("1.0"), "1.0")], ids=["published", "withdrawn"])
def test_two_versions_do_not_share_the_names_of_their_files(before: Content) -> None:
    with pytest.raises(Refused, match=r"the files of 1:1\.0 are called as those of 1\.0"):
        published(before, "1:1.0", {"a_1.0_all.deb": "11"})
    assert "1:1.1" in published(before, "1:1.1", {"a_1.1_all.deb": "11"}).files


def test_asking_again_changes_nothing() -> None:
    content = promoted(_content("1.0", "1.1", "1.2"), "1.1", 10)
    assert promoted(content, "1.1", 10) == content
    # All boxes are not what it is offered to.
    with pytest.raises(Refused, match="at 10 %: to raise that, make repo-phase PERCENT=100"):
        promoted(content, "1.1", None)
    assert phased(content, 10) == content
    assert published(content, "1.2", {"1.2.deb": "1.2"}) == content
    without = withdrawn(content, "1.1")
    assert withdrawn(without, "1.1") == without
    assert promoted(phased(content, 100), "1.1", None) == phased(content, 100)


def test_withdrawing_ends_the_phase_of_that_version_only() -> None:
    content = promoted(_content("1.0", "1.1"), None, 10)
    assert withdrawn(content, "1.0").suites["stable"].phase == Phase("1.1", 10)
    assert withdrawn(content, "1.1").suites["stable"].phase is None


def test_a_version_below_a_withdrawn_one_is_not_promoted_either() -> None:
    content = withdrawn(promoted(_content("1.0", "1.1", "1.2"), "1.2", None), "1.2")
    with pytest.raises(Refused, match=r"1\.1 is not higher than 1\.2, which was withdrawn"):
        promoted(content, "1.1", None)
