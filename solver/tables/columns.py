"""Which columns of a list are ids and which is the value: as asked for, or by the names that such columns have."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import msgspec

_ROWS = {"user", "userid", "users", "viewer", "viewerid", "reviewer", "reviewerid", "customer", "customerid", "person"}
_ROWS |= {"row", "rows", "u", "rowid", "member", "memberid", "reader", "readerid", "profile", "profileid", "uid"}
_COLUMNS = {"item", "itemid", "items", "movie", "movieid", "film", "filmid", "product", "productid", "book", "bookid"}
_COLUMNS |= {"column", "columns", "col", "columnid", "artist", "artistid", "isbn", "asin", "parentasin", "iid"}
_COLUMNS |= {"anime", "animeid", "song", "songid", "track", "trackid", "business", "businessid", "joke", "jokeid"}
_COLUMNS |= {"game", "gameid", "show", "showid", "video", "videoid", "recipe", "recipeid", "place", "placeid", "title"}
_VALUES = {"rating", "ratings", "value", "score", "stars", "bookrating", "overall", "rate", "grade", "val"}
_VALUES |= {"preference", "ratingvalue", "userrating", "myrating"}
_COUNTS = {"weight", "count", "playcount", "plays"}
# As of x, y, z no letter says that it is the value, but where it stands last.
_LETTERS = {"v", "r", "y", "z", "w"}
_TIMES = {"timestamp", "time", "date", "datetime", "ts", "year", "created", "updated", "unixreviewtime", "reviewtime"}
_TIMES |= {"createdat"}
# Of lines rather than of entries: passed over where enough is left.
_INDICES = {"", "unnamed0", "index", "id", "rownames", "rownumber", "ratingid", "reviewid", "recordid", "indexlevel0"}


# As of product_code and user_name.
_SUFFIXES = {"code", "key", "name", "nr", "no", "number", "index", "idx"}


class Chosen(msgspec.Struct, frozen=True):
    """Columns, counted from zero."""

    modes: list[int]
    value: int


def chosen(header: Sequence[str], asked: Sequence[str | int] | None, n_modes: int | None) -> Chosen | None:
    """The columns that were asked for, by name or by place from 1, the value's last; else those with known names.

    None where a name is not there; and, with nothing asked for, where no column is called as a value is.
    """
    plain = [_plain(title) for title in header]
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
    words = [_words(title) for title in header]
    times = {place for place, name in enumerate(plain) if name in _TIMES or not _TIMES.isdisjoint(words[place])}
    value = _value(plain, words, times)
    if value is None:
        return None
    others = [place for place in range(len(plain)) if place != value and plain[place] and place not in times]
    if n_modes in (None, 2):
        row, column = _known(plain, words, others, _ROWS), _known(plain, words, others, _COLUMNS)
        if row is not None and column is not None:
            return Chosen(modes=[row, column], value=value)
        # One of the two by its name, the other the next that is left.
        left = [place for place in others if place not in (row, column)]
        left = [place for place in left if plain[place] not in _INDICES] or left
        if (row is None) != (column is None) and left:
            return Chosen(modes=[left[0] if row is None else row, left[0] if column is None else column], value=value)
    own = [place for place in others if plain[place] not in _INDICES]
    others = own if len(own) >= (n_modes or 2) else others
    n = 2 if n_modes is None and len(others) == 2 else n_modes if n_modes is not None else len(others)
    return Chosen(modes=others[:n], value=value) if len(others) >= n >= 2 else None


def names_entries(header: Sequence[str]) -> bool:
    """Whether titles name rows, columns and values of a list, all three."""
    plain, words = [_plain(title) for title in header], [_words(title) for title in header]
    value = _value(plain, words, set())
    others = [place for place in range(len(plain)) if place != value]
    return value is not None and all(_known(plain, words, others, known) is not None for known in (_ROWS, _COLUMNS))


def names_rows(title: str) -> bool:
    """Whether a title is that of who or what stands in a row, as userId."""
    plain = _plain(title)
    return plain in _ROWS | _COLUMNS | {"id", "name", "index"}


def is_known(title: str) -> bool:
    """Whether a title is one that columns of a list have."""
    plain = _plain(title)
    return plain in _ROWS | _COLUMNS | _VALUES | _COUNTS | _LETTERS | _TIMES or not _TIMES.isdisjoint(_words(title))


def _plain(title: str) -> str:
    return re.sub(r"[^a-z0-9]", "", title.lower())


def _words(title: str) -> list[str]:
    """As of review/userId: review, user, id."""
    return [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+", title)]


def _value(plain: Sequence[str], words: Sequence[list[str]], times: set[int]) -> int | None:
    """Called a rating, or ending so, as movie_rating; else a count; else a letter, where it stands last."""
    places = [place for place in range(len(plain)) if place not in times]
    tests: list[Callable[[int], bool]] = [
        lambda place: plain[place] in _VALUES,
        lambda place: words[place][-1:] in (["rating"], ["ratings"], ["score"], ["stars"]),
        lambda place: plain[place] in _COUNTS,
        lambda place: place == places[-1] and plain[place] in _LETTERS,
    ]
    return next((place for test in tests for place in places if test(place)), None)


def _known(plain: Sequence[str], words: Sequence[list[str]], places: Sequence[int], known: set[str]) -> int | None:
    """The place with a known name: ids before names, and a title last, as it may be that of a review.

    As in review/userId, what stands before the last two words may be left out.
    """

    def is_known(place: int) -> bool:
        own = words[place]
        is_told = own[-1:] != [] and own[-1] in _SUFFIXES and "".join(own[:-1]) in known
        return plain[place] in known or "".join(own[-2:]) in known or is_told

    found = [place for place in places if is_known(place)]

    def worth(place: int) -> int:
        return 2 if plain[place] == "title" else 0 if plain[place].endswith(("id", "isbn", "asin")) else 1

    return min(found, key=worth, default=None)
