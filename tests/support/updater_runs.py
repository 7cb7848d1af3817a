"""How the updater of a machine under test is run: when a test says so, at any time of the day."""

TIMERS = ("inviseobox-updater.timer", "inviseobox-updater-boot.timer", "inviseobox-updater-rescue.timer")
"""What would start it by itself."""
ANY_TIME = 'window = ""\n'
"""Setting: restarts under watch happen at any time."""
ENDED = "/var/lib/updater-ended"
"""Where the exit status is left: systemd forgets it with a unit that nothing refers to."""
NOW = f"""[Service]
ExecStart=
ExecStart=/usr/sbin/inviseobox-updater run --now
ExecStopPost=/bin/sh -c 'echo "$EXIT_STATUS" >{ENDED}'
"""
"""Drop-in of its service."""
