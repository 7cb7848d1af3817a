"""The machine the daemon runs on: configuration file, journal, service manager."""
