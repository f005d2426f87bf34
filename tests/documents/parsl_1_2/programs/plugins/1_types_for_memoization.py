from parsl.dataflow.memoization import id_for_memo


class Grid:
    def __init__(self, size):
        self.size = size


# what a type does not say about itself cannot be remembered,
try:
    id_for_memo(Grid(3))
except ValueError as error:
    message = str(error)
else:
    raise SystemExit("a value of unknown type has been given an identity")
assert "Grid" in message, message


# until somebody says it
@id_for_memo.register(Grid)
def id_for_memo_grid(grid, output_ref=False):
    return b"grid of " + id_for_memo(grid.size, output_ref=output_ref)


assert id_for_memo(Grid(3)) == id_for_memo(Grid(3))
assert id_for_memo(Grid(3)) != id_for_memo(Grid(4))
