"""Which columns of a list are ids and which is the value: as asked for, or by the names that such columns have."""

from __future__ import annotations

import re
from collections.abc import Sequence

import msgspec

_ROWS = {"user", "userid", "users", "viewer", "viewerid", "reviewer", "reviewerid", "customer", "customerid", "person"}
_ROWS |= {"row", "rows", "u", "rowid", "member", "memberid", "reader", "readerid", "profile", "profileid", "uid"}
_COLUMNS = {"item", "itemid", "items", "movie", "movieid", "film", "filmid", "product", "productid", "book", "bookid"}
_COLUMNS |= {"column", "columns", "col", "columnid", "artist", "artistid", "isbn", "asin", "parentasin", "iid"}
_COLUMNS |= {"anime", "animeid", "song", "songid", "track", "trackid", "business", "businessid", "joke", "jokeid"}
_COLUMNS |= {"game", "gameid", "show", "showid", "video", "videoid", "recipe", "recipeid", "place", "placeid", "title"}
_VALUES = {"rating", "ratings", "value", "score", "stars", "bookrating", "weight", "count", "overall", "rate", "grade"}
_VALUES |= {"v", "val", "preference", "playcount", "plays", "ratingvalue", "userrating", "myrating", "r", "y"}
_TIMES = {"timestamp", "time", "date", "datetime", "ts", "unixreviewtime", "reviewtime", "year", "created", "createdat"}


class Chosen(msgspec.Struct, frozen=True):
    """Columns, counted from zero."""

    modes: list[int]
    value: int


def chosen(header: Sequence[str], asked: Sequence[str | int] | None, n_modes: int | None) -> Chosen | None:
    """The columns that were asked for, by name or by place from 1, the value's last; else those with known names.

    None where a name is not there; and, with nothing asked for, where no column is called as a value is.
    """
    plain = [re.sub(r"[^a-z0-9]", "", title.lower()) for title in header]
    if asked is not None:
        exact = [title.strip() for title in header]
        places = []
        for one in asked:
            if str(one) in exact:
                places.append(exact.index(str(one)))
            elif isinstance(one, int) or one.isdigit():
                places.append(int(one) - 1)
            else:
                return None
        fits = all(0 <= place < len(header) for place in places) and len(set(places)) == len(places) >= 3
        return Chosen(modes=places[:-1], value=places[-1]) if fits else None
    value = next((place for place, name in enumerate(plain) if name in _VALUES), None)
    if value is None:
        return None
    others = [place for place in range(len(plain)) if place != value and plain[place] and plain[place] not in _TIMES]
    if n_modes in (None, 2):
        row = next((place for place in others if plain[place] in _ROWS), None)
        column = next((place for place in others if plain[place] in _COLUMNS), None)
        if row is not None and column is not None:
            return Chosen(modes=[row, column], value=value)
        # One of the two by its name, the other the next that is left.
        left = [place for place in others if place not in (row, column)]
        if (row is None) != (column is None) and left:
            return Chosen(modes=[left[0] if row is None else row, left[0] if column is None else column], value=value)
    n = 2 if n_modes is None and len(others) == 2 else n_modes if n_modes is not None else len(others)
    return Chosen(modes=others[:n], value=value) if len(others) >= n >= 2 else None
