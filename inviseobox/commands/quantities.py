"""Numbers, ages and times in the words of people. Pure."""

from datetime import UTC, datetime, tzinfo

from inviseobox.translation import _

DIGITS = 10
"""Characters of a value in a table."""
_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


def value_text(value: float | None) -> str:
    """Write a value as short as it can be read back, or shorter where that is long; a dash where there is none."""
    if value is None:
        return "-"
    exact = repr(value).removesuffix(".0")
    return exact if len(exact) <= DIGITS else shortened(value)


def shortened(value: float) -> str:
    """Write a value in at most DIGITS characters, with as many digits as there is room for."""
    for precision in range(DIGITS, 0, -1):
        text = f"{value:.{precision}g}"
        if len(text) <= DIGITS:
            return text
    return f"{value:.1g}"


def age_text(seconds: float) -> str:
    """Say how long ago something was, in one unit."""
    seconds = max(0.0, seconds)
    if seconds < 2 * _MINUTE:
        return _("{count} s").format(count=int(seconds))
    if seconds < 2 * _HOUR:
        return _("{count} min").format(count=int(seconds / _MINUTE))
    if seconds < 2 * _DAY:
        return _("{count} h").format(count=int(seconds / _HOUR))
    return _("{count} d").format(count=int(seconds / _DAY))


def length_text(seconds: int) -> str:
    """Say how long something lasts."""
    if seconds % _HOUR == 0:
        return _("{count} h").format(count=seconds // _HOUR)
    if seconds % _MINUTE == 0:
        return _("{count} min").format(count=seconds // _MINUTE)
    return _("{count} s").format(count=seconds)


def bytes_text(count: int) -> str:
    """Write a number of bytes with the prefixes of the SI."""
    if count < 1000:
        return _("{count} bytes").format(count=count)
    if count < 1_000_000:
        return _("{count:.1f} kB").format(count=count / 1000)
    if count < 1_000_000_000:
        return _("{count:.1f} MB").format(count=count / 1_000_000)
    return _("{count:.1f} GB").format(count=count / 1_000_000_000)


def share_text(part: int, whole: int) -> str:
    """Write how much of a whole a part is; never 100% where something is missing, nor 0% where something is there."""
    if not whole:
        return ""
    share = round(100 * part / whole)
    return f"{max(1, share) if part else 0}%" if part < whole and share < 100 else "100%" if part >= whole else "99%"


def time_text(epoch: float, zone: tzinfo | None = None) -> str:
    """Write a time as a date and a time of day of `zone`, the machine's where there is none given."""
    return datetime.fromtimestamp(epoch, UTC).astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")
