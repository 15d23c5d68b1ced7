"""What the compiler says that a program costs."""

from typing import Any


def compiled_cost(compiled: Any) -> dict[str, float]:
    """What a compiled program costs by name, such as "flops" on one device; {} if it is unknown."""
    cost = compiled.cost_analysis()  # a list of one dict in some versions, None on some backends
    return (cost[0] if isinstance(cost, list | tuple) else cost) or {}
