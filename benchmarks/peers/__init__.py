"""The same programs in the words of each library, as its own documentation writes them.

A module that says `commstime(rounds)` returns the seconds of one of the four communications of a
round; `selection(guards, rounds)` the seconds of one selection and the refill of what it took.
"""
