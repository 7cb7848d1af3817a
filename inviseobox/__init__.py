"""InviseoBox: reads a building's meters and sensors and delivers their aggregates to the Inviseo server."""

__version__ = "0.2.0"
BUILT = "2026-11-25T12:00:00+00:00"
"""When this version was made, as debian/changelog says: no clock that is right lies before it."""
