"""What is to be read: the device list, its links, and where each measurement stands. Pure."""
