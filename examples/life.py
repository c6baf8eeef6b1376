"""The Game of Life: a process for each cell, and a barrier for the generations.

csp run examples/life.py [--arg generations=4] [--arg size=8]

    [ cell ][ cell ][ cell ]      all look,
    [ cell ][ cell ][ cell ]   -- barrier --
    [ cell ][ cell ][ cell ]      all live or die,
                               -- barrier --  and again

What it teaches: phases.  A cell looks at its neighbours while nobody changes, and changes while nobody looks;
the barrier is between.  Then a shared board is safe: no lock, no copy, no cell that is ahead.  When a cell
has seen all generations its member leaves the barrier, and nobody waits for it.

The board is a torus with a glider on it: in four generations it moves by one cell, down and to the right.

Source: J. H. Conway's Game of Life (1970); phased barriers as in occam-pi (P. H. Welch and F. R. M. Barnes).
"""

from csp import Barrier, Member, Par, process

GLIDER = {(0, 1), (1, 2), (2, 0), (2, 1), (2, 2)}

Board = list[list[bool]]


@process
async def cell(row: int, column: int, board: Board, generations: int, phase: Member) -> None:
    size = len(board)
    around = [
        ((row + r) % size, (column + c) % size)
        for r in (-1, 0, 1)
        for c in (-1, 0, 1)
        if (r, c) != (0, 0)
    ]
    for _ in range(generations):
        neighbours = sum(board[r][c] for r, c in around)
        await phase.sync()  # all have looked
        board[row][column] = neighbours == 3 or (neighbours == 2 and board[row][column])
        await phase.sync()  # all have changed


async def main(generations: int = 4, size: int = 8) -> str:
    """The board after so many generations."""
    board = [[(row, column) in GLIDER for column in range(size)] for row in range(size)]
    phase = Barrier(name="phase")
    places = [(row, column) for row in range(size) for column in range(size)]
    await Par(*(cell(r, c, board, generations, phase.member()) for r, c in places))
    return "\n".join("".join(".#"[alive] for alive in row) for row in board)
