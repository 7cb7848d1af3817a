"""Names that a server may give, and that no terminal is to be moved by."""

HOSTILE = [
    "电" * 200,
    "e\u0301" * 100,
    "z\u0300\u0301\u0302\u0303\u0304\u0305" * 30,
    "\u05de\u05d5\u05e0\u05d4 \u05d7\u05e9\u05de\u05dc" * 15,
    "[bold]meter[/bold][/]",
    "\x1b[31;1mred\x1b[2J\x1b]0;title\x07\x9b1A",
    "\u202eevil\u2066\u200f",
    "\u0301leading mark",
    "\u26a1\ufe0f \U0001f1eb\U0001f1f7 \U0001f44d\U0001f3fd \U0001f468\u200d\U0001f469",
    "\u1112\u1161\u11ab \u0915\u093f",
    "two\nlines\tand\rmore",
    "\ud800 surrogate",
    "",
]
