"""What the time is: two clocks of the machine, and the witnesses that say whether the first of them is right."""
