"""Names and ids. On the path of `gpool run`: no pydantic here."""

__all__ = [
    "ID_ALPHABET",
    "LABEL_KEY_PATTERN",
    "LABEL_VALUE_PATTERN",
    "LEASE_ID_PATTERN",
    "NODE_NAME_PATTERN",
    "POLICY_NAME_PATTERN",
    "TOKEN_ID_PATTERN",
    "TOKEN_NAME_PATTERN",
    "make_id",
]

# 0-9a-z without what reads alike: 0 o, 1 i l. 31 signs.
ID_ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"

_ID_CHARACTERS = 8

LEASE_ID_PATTERN = r"^l-[0-9a-z]{1,29}$"
TOKEN_ID_PATTERN = r"^t-[0-9a-z]{1,29}$"
TOKEN_NAME_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,62}$"

# Of queues, priority classes, calendars and their periods. No `/`: what follows one in the name of a queue is a user.
POLICY_NAME_PATTERN = r"^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$"

# At most 31 characters: the ticket keeps 32 bytes for the name, and one stays zero.
NODE_NAME_PATTERN = r"^[a-z0-9]([a-z0-9.-]{0,29}[a-z0-9])?$"

# As in Kubernetes, so that a node's labels there can be its labels here.
LABEL_KEY_PATTERN = r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,124}[A-Za-z0-9])?$"
LABEL_VALUE_PATTERN = r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$"


def make_id(prefix: str, randomness: int) -> str:
    """An id such as `l-7k3m9qx2` from a prefix and a random number; the same number gives the same id.

    `randomness` should come from at least 64 random bits.
    """
    digits = []
    for _ in range(_ID_CHARACTERS):
        randomness, digit = divmod(randomness, len(ID_ALPHABET))
        digits.append(ID_ALPHABET[digit])
    return f"{prefix}-{''.join(digits)}"
