"""The specification of a buffer, as a predicate on traces: what came out is a prefix of what went in."""

Event = tuple[str, int]


def is_buffer(size: int, trace: list[Event]) -> bool:
    inside: list[int] = []
    for direction, value in trace:
        if direction == "in":
            inside.append(value)
            if len(inside) > size:
                return False
        elif not inside or inside.pop(0) != value:
            return False
    return True
