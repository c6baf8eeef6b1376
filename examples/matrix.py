"""Systolic multiplication of matrices: a grid of cells through which the numbers flow.

csp run examples/matrix.py [--arg size=3]

                 column 0   column 1 of b
                    |          |
    row 0 of a -->[ cell ]-->[ cell ]-->
                    |          |
    row 1 of a -->[ cell ]-->[ cell ]-->
                    |          |

What it teaches: an algorithm that is its wiring.  Each cell multiplies what comes from the left with what
comes from above, adds it up, and passes both on; each takes and gives side by side (occam's PAR of inputs,
then of outputs), so the order in which its neighbours work does not matter.  Nobody knows how large the
matrices are: when the rows and columns have ended, the cells end one after the other, from the upper left to
the lower right, and each returns its element of the product.

Source: H. T. Kung and C. E. Leiserson, Systolic Arrays (1978); C. A. R. Hoare, Communicating Sequential
Processes (1978), 6.2.
"""

from csp import Channel, EndOfChannel, Par, Receiver, Sender, process
from csp.patterns import emit, sink

Matrix = list[list[int]]


@process
async def cell(
    left: Receiver[int], above: Receiver[int], right: Sender[int], below: Sender[int]
) -> int:
    """Returns the sum of the products of the pairs that came."""
    total = 0
    try:
        while True:
            a, b = await Par(left.receive(), above.receive())
            total += a * b
            await Par(right.send(a), below.send(b))
    except* EndOfChannel:  # of one of them, or of both: a group
        pass
    return total


async def multiply(a: Matrix, b: Matrix) -> Matrix:
    """The product of two matrices."""
    rows, columns = range(len(a)), range(len(b[0]))
    across = [[Channel(int, name=f"across {r},{c}") for c in range(len(columns) + 1)] for r in rows]
    down = [[Channel(int, name=f"down {r},{c}") for c in columns] for r in range(len(rows) + 1)]
    grid = [
        Par(
            *(
                cell(
                    across[r][c].receiver(),
                    down[r][c].receiver(),
                    across[r][c + 1].sender(),
                    down[r + 1][c].sender(),
                )
                for c in columns
            )
        )
        for r in rows
    ]
    feeders = [emit(a[r], across[r][0].sender()) for r in rows]
    feeders += [emit([row[c] for row in b], down[0][c].sender()) for c in columns]
    sinks = [sink(line[-1].receiver()) for line in across]
    sinks += [sink(channel.receiver()) for channel in down[-1]]
    product, _, _ = await Par(Par(*grid), Par(*feeders), Par(*sinks))
    return [list(row) for row in product]


async def main(size: int = 3) -> Matrix:
    a = [[row * size + column for column in range(size)] for row in range(size)]
    b = [[row - column for column in range(size)] for row in range(size)]
    return await multiply(a, b)
