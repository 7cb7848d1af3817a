"""The names of package files, as apt writes them."""

from urllib.parse import quote


def file_name(package: str, version: str, architecture: str = "all") -> str:
    """Return the name under which apt keeps a package file: `:` in a version is %3a."""
    return f"{package}_{escaped(version)}_{architecture}.deb"


def escaped(version: str) -> str:
    """Return a version as it stands in a file name."""
    return quote(version, safe="+~.-").replace("%3A", "%3a")
