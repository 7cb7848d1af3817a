"""Updates that cannot strand a box: taken by themselves, watched, and taken back where they are bad.

A program of its own: it takes the standard library and itself alone, by relative imports, for it is also run from
/usr/lib/inviseobox-updater, where there is no package `inviseobox`.
"""
