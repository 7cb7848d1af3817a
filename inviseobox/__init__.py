"""InviseoBox: reads a building's meters and sensors and delivers their aggregates to the Inviseo server."""

__version__ = "0.2.0"
