"""A whole Inviseo site in one process on loopback: server, Modbus gateway with its units, sensor page.

It shares no code with the daemon, so that an error of understanding in one of them shows in the other.
`site.Site` is the entry for asynchronous tests, `background.running_site` for the others.
"""
