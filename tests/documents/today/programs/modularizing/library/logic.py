from typing import Tuple


def factors(x: int) -> Tuple[int, ...]:
    """The prime factors of a positive number, the smallest first."""
    if x < 1:
        raise ValueError("`x` must be positive")
    found = []
    divisor = 2
    while x > 1:
        while x % divisor == 0:
            found.append(divisor)
            x //= divisor
        divisor += 1
    return tuple(found)
