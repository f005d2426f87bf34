"""Functions for the steps of the workflow"""

from typing import List, Tuple

from .logic import factors


def factors_of_many(xs: List[int]) -> List[Tuple[int, ...]]:
    """The prime factors of each number"""
    return [factors(x) for x in xs]
