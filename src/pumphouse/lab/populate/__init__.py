"""A believable workload in a cloud of the lab, made through its public APIs; used by `lab populate`, the demo and the lab tests.

Nothing is imported here: `command` is part of every `pumphouse lab --help`, and openstacksdk takes half a second.
"""
