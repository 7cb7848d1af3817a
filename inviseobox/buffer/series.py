"""The series and their keys in the database. Runs in the buffer's thread, inside a transaction."""

import json
from array import array

from inviseobox.buffer.database import Database
from inviseobox.errors import BufferFault
from inviseobox.records import Series

_MOST_OBJECTS = 100_000
_MOST_GROUPS = 10_000


class SeriesKeys:
    """Finds the key of a series, which is written when it is new or differs from what was written last."""

    def __init__(self, database: Database) -> None:
        """Work on `database`, which this object does not own."""
        self._database = database
        self._written: dict[tuple[str, str], tuple[Series, int]] = {}
        # By the identity of the object, which is kept: hashing its texts for each reading would be most of a commit.
        self._seen: dict[int, tuple[Series, int]] = {}
        self._groups: dict[int, tuple[tuple[Series, ...], array[int]]] = {}

    def forget(self) -> None:
        """Know nothing any more: what was written last may have been undone."""
        self._written.clear()
        self._forget_objects()

    def _forget_objects(self) -> None:
        self._seen.clear()
        self._groups.clear()

    def keys_of(self, group: tuple[Series, ...]) -> "array[int]":
        """Return the keys of series that are read together. Raises BufferFault."""
        seen = self._groups.get(id(group))
        if seen is not None:
            return seen[1]
        keys = array("q", map(self.key_of, group))
        if len(self._groups) >= _MOST_GROUPS:
            self._groups.clear()
        self._groups[id(group)] = (group, keys)
        return keys

    def key_of(self, series: Series) -> int:
        """Return the key of a series. Raises BufferFault."""
        seen = self._seen.get(id(series))
        return seen[1] if seen is not None else self._found(series)

    def _found(self, series: Series) -> int:
        name = (series.measurement, series.fingerprint)
        known = self._written.get(name)
        if known is None or known[0] != series:
            known = self._written[name] = (series, self._write(series))
            # Another object of this name must not be taken for what is written now.
            self._forget_objects()
        elif len(self._seen) >= _MOST_OBJECTS:
            self._forget_objects()
        self._seen[id(series)] = known if known[0] is series else (series, known[1])
        return known[1]

    def _write(self, series: Series) -> int:
        row = self._database.row(
            "INSERT INTO series (measurement, fingerprint, device, aggregates) VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET device = excluded.device, aggregates = excluded.aggregates RETURNING key",
            series.measurement,
            series.fingerprint,
            series.device,
            ",".join(series.aggregates),
        )
        if row is None:
            raise BufferFault("the buffer did not store a series")
        key = int(row[0])
        if series.synonyms:
            self._adopt_synonyms(series, key)
        return key

    def _adopt_synonyms(self, series: Series, key: int) -> None:
        """Go on with the baseline of the same way under another name of its class.

        A program that does not know that they are one writes to the other name's alone: where the two differ, that is
        the newer one.
        """
        found = self._database.rows(
            "SELECT other.key, other.baseline FROM series other JOIN series own ON own.key = ? "
            "WHERE other.measurement = ? AND other.fingerprint IN (SELECT value FROM json_each(?)) "
            "AND (other.same_as IS NOT own.key OR other.baseline IS NOT own.baseline)",
            key,
            series.measurement,
            json.dumps(series.synonyms),
        )
        # It may have been the other name once: two that point to each other would be two ways.
        self._database.run("UPDATE series SET same_as = NULL WHERE key = ? AND same_as IS NOT NULL", key)
        for other, baseline in list(found):
            if baseline is not None:
                self._database.run("UPDATE series SET baseline = ? WHERE key = ?", baseline, key)
            self._database.run("UPDATE series SET same_as = ? WHERE key = ?", key, other)
