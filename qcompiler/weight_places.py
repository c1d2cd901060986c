"""Where weights are: what `--weights` says."""

from msgspec import Struct

from qcompiler.arith.ranges import IntRange

INTERNAL, EXTERNAL, WRITABLE = "internal", "external", "writable"
PLACES = (INTERNAL, EXTERNAL, WRITABLE)


class Place(Struct, frozen=True):
    """Where the weights of a layer are.

    Attributes:
        where: `external` or `writable`; None for internal.
        declared: of writable ones, those that the host may write, if it was said.
    """

    where: str | None = None
    declared: IntRange | None = None

    @staticmethod
    def read(text: str) -> "Place":
        """Returns a place from `external`, or `writable:LO:HI`.

        Raises:
            ValueError: the text is none.
        """
        name, *bounds = text.split(":")
        if name not in PLACES:
            raise ValueError(f"a place is one of {', '.join(PLACES)}, got {text!r}")
        if not bounds:
            return Place(None if name == INTERNAL else name)
        if name != WRITABLE or len(bounds) != 2:
            raise ValueError(f"only writable weights declare a range, writable:LO:HI, got {text!r}")
        try:
            lo, hi = (int(bound) for bound in bounds)
        except ValueError:
            raise ValueError(
                f"LO and HI of writable:LO:HI must be integers, got {text!r}"
            ) from None
        if not -(2**31) <= lo < hi < 2**31:
            raise ValueError(f"writable:LO:HI needs LO < HI of 32 bits, got {text!r}")
        return Place(name, IntRange(lo, hi))


def read_places(text: str) -> tuple[Place, dict[str, Place]]:
    """Returns the place of all layers, and those of the ones that are named.

    Args:
        text: `external`, `fc1=external,fc2=writable:-8:7`, or both.

    Raises:
        ValueError: a part is no place, or something is said twice.
    """
    every: Place | None = None
    named: dict[str, Place] = {}
    for part in text.split(","):
        layer, equals, place = part.rpartition("=")
        if not equals:
            if every is not None:
                raise ValueError(f"two places for all layers, the second is {part!r}")
            every = Place.read(place)
            continue
        if layer in named:
            raise ValueError(f"two places for {layer}")
        named[layer] = Place.read(place)
    return every or Place(), named
