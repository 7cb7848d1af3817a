"""The suite in the source of apt (deb822 format: sources.list(5)). Pure."""


def with_suite(text: str, suite: str) -> str:
    """Return the text of a .sources file, with this suite in its first stanza. Raises SourcesError."""
    raise NotImplementedError
