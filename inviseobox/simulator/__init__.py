"""A whole Inviseo site in one process: server, Modbus gateway, RTU lines on a serial port and through TCP, sensor page.

It shares no code with the daemon, so that an error of understanding in one of them shows in the other.
`site.Site` is the entry for asynchronous tests, `background.running_site` for the others. What can go wrong on
request is in `faults`, `noise` and `page_faults`, and put into a script by `scenario`.
"""
