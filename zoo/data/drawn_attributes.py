"""The discrete attributes of a drawn face: names, and colours as bytes."""

HAIR_COLOURS = {
    "black": (34, 32, 38),
    "brown": (118, 72, 42),
    "blond": (240, 200, 84),
    "red": (206, 62, 38),
    "grey": (138, 142, 148),
    "white": (244, 244, 240),
    "blue": (52, 98, 214),
    "green": (62, 164, 78),
    "pink": (246, 128, 184),
    "purple": (128, 66, 176),
}
SKINS = {
    "porcelain": (252, 224, 204),
    "peach": (244, 200, 164),
    "tan": (218, 164, 120),
    "brown": (166, 112, 76),
    "dark": (112, 74, 54),
}
BACKGROUNDS = {
    "sky": (170, 202, 222),
    "mint": (176, 214, 194),
    "sand": (226, 212, 182),
    "rose": (226, 190, 190),
    "lilac": (200, 192, 222),
    "slate": (120, 134, 152),
}
SHIRTS = {
    "navy": (44, 62, 104),
    "teal": (38, 128, 130),
    "coral": (232, 106, 88),
    "mustard": (222, 168, 52),
    "cream": (240, 232, 214),
}

# The first attribute is the class. Names of the values, in the order of their numbers.
ATTRIBUTES: dict[str, tuple[str, ...]] = {
    "hair_colour": tuple(HAIR_COLOURS),
    "hair_style": ("short", "parted", "fringe", "long", "afro", "spiky", "bun"),
    "skin": tuple(SKINS),
    "glasses": ("none", "round", "square"),
    "mouth": ("smile", "grin", "neutral", "open"),
    "background": tuple(BACKGROUNDS),
    "shirt": tuple(SHIRTS),
}
