"""Constants that patterns import."""

import enum

REGIONS = ("north", "south", "east")

STATUS_NAMES = {"draft": "Draft", "live": "Live"}


class Shelf(enum.Enum):
    TOP = 1
    BOTTOM = 2
