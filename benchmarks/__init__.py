"""Benchmarks of csp beside its peers: `python -m benchmarks --help`.

Reading order: `measure` (how a figure comes about), `report` (how it is told), the groups
`commstime`, `selection`, `parked`, `observer`, `network`, `disturbed`, `pools`, and `peers`, the
same programs in the words of each library.
"""
