"""Reading, shown on the simulated site and on devices made by hand.

These tests and those of tests/unit/acquisition run on each Debian release that the package is for; see
`run_on_releases`. What a box on a real site relies on is shown one by one:

1. `test_1_every_value`: every value class and byte order, over every transport.
2. `test_2_fewest_requests`: one request a unit and round, two where the device refuses to bridge.
3. `test_3_silent_unit`: one silent unit harms no other, and is read again soon after its return.
4. `test_4_late_answers`: no answer is ever booked to another measurement.
5. `test_5_unplugged`: a port that vanishes and returns.
6. `test_6_illegal_register`: it costs its own measurement and nothing else.
7. `test_7_rubbish`: random and mutated answers on every transport and on HTTP.
"""
