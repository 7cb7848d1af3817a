"""The benchmark: `make bench`; README.md in this folder tells how to read what it prints."""
