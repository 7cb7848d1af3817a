"""Campaigns: the daemon over power cuts, kills, outages, full and damaged disks.

`make campaigns` runs short samples, `make soak` (INVISEOBOX_SOAK=1) the whole. Mounting takes root.
"""
