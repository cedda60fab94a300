"""A file of entries is read as it comes: separators, headers, ids, packing and formats are found, or asked for."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import numpy as np
import pytest

from solver import data_files, settings, tables
from solver.refusal import BadSetting
from solver.spec import Completion, MatrixCompletion, TensorCompletion
from solver.tables.table import Reading, Table

Entry = tuple[int, int, float]


def entries(seed: int = 0, rows: int = 7, columns: int = 5) -> list[Entry]:
    """Some entries of a matrix, no row and no column empty, in no order."""
    chosen = random.Random(seed)
    every = [(i, j, chosen.choice([1.0, 2.0, 2.5, 3.0, 4.5, 5.0])) for i in range(rows) for j in range(columns)]
    kept = [one for one in every if one[0] == one[1] or one[1] == one[0] % columns or chosen.random() < 0.6]
    chosen.shuffle(kept)
    return kept


def as_matrix(table: Table) -> np.ndarray[Any, Any]:
    """The table with NaN where nothing is given."""
    matrix = np.full(table.shape, np.nan)
    matrix[tuple(np.array(column) for column in table.indices)] = table.values
    return matrix


def wanted(rows: int = 7, columns: int = 5, seed: int = 0) -> np.ndarray[Any, Any]:
    matrix = np.full((rows, columns), np.nan)
    for i, j, value in entries(seed, rows, columns):
        matrix[i, j] = value
    return matrix


def read(path: Path, **reading: Any) -> Table:
    return tables.read(path, Reading(**reading), None, 2)


def lines(write: Callable[[int, int, float], str], head: str = "", end: str = "\n") -> str:
    return head + "".join(write(i, j, value) + end for i, j, value in entries())


WORD = "user{:03}", "B{:06}X"

FORMATS: dict[str, str | bytes] = {
    "commas": lines(lambda i, j, v: f"{i},{j},{v:g}"),
    "commas and blanks": lines(lambda i, j, v: f"{i}, {j}, {v}"),
    "tabs and a time": lines(lambda i, j, v: f"{i + 1}\t{j + 1}\t{v:g}\t88{i}{j}50949"),
    "colons and a time": lines(lambda i, j, v: f"{i + 1}::{j + 1}::{v:g}::97{i}{j}00760"),
    "bars": lines(lambda i, j, v: f"{i + 1}|{j + 1}|{v}"),
    "spaces": lines(lambda i, j, v: f"  {i + 1}   {j + 1}  {v}"),
    "semicolons, quotes and Latin-1": lines(
        lambda i, j, v: f'"{WORD[0].format(i)}";"{WORD[1].format(j)}é";"{v:g}"', '"User-ID";"ISBN";"Book-Rating"\n'
    ).encode("latin-1"),
    "decimal commas": lines(lambda i, j, v: f"{i};{j};{v:.1f}".replace(".", ",")),
    "quoted decimal commas": lines(lambda i, j, v: f'{i},{j},"{f"{v:.2f}".replace(".", ",")}"'),
    "a header": lines(lambda i, j, v: f"{i},{j},{v},1", "userId,movieId,rating,timestamp\n"),
    "a header in another order": lines(lambda i, j, v: f"9{i}{j},{v},{j},{i}", "time,Rating,item_id,User ID\n"),
    "a nameless index": "".join(
        [",user,item,rating\n", *(f"{k},{i},{j},{v}\n" for k, (i, j, v) in enumerate(entries()))]
    ),
    "as R writes it": "".join(
        ['"user" "item" "rating"\n', *(f'"{k}" {i} {j} {v}\n' for k, (i, j, v) in enumerate(entries(), start=1))]
    ),
    "an unknown header": lines(lambda i, j, v: f"a{i},b{j},{v}", "who,what,how much\n"),
    "float ids": lines(lambda i, j, v: f"{i + 1}.0,{(j + 1) * 1e3:e},{v}"),
    "ids beyond the largest size": lines(lambda i, j, v: f"{10**9 + 17 * i},{40_000 + j},{v}"),
    "negative ids": lines(lambda i, j, v: f"{i - 3},{j},{v}"),
    "a mark and CRLF": ("\ufeff" + lines(lambda i, j, v: f"{i},{j},{v}", end="\r\n")).encode(),
    "UTF-16": lines(lambda i, j, v: f"{i}\t{j}\t{v}").encode("utf-16"),
    "blank lines": lines(lambda i, j, v: f"{i},{j},{v}", "\n", "\n\n") + "   \n",
    "no end of the last line": lines(lambda i, j, v: f"{i},{j},{v}").rstrip("\n"),
    "CR alone": lines(lambda i, j, v: f"{i} {j} {v}", end="\r"),
    "CR alone and ::": lines(lambda i, j, v: f"{i}::{j}::{v}", end="\r"),
    "what Excel is told": lines(lambda i, j, v: f"{i};{j};{v}", "sep=;\nuser;item;rating\n"),
    "two tabs between": lines(lambda i, j, v: f"{i}\t\t{j}\t\t{v}"),
    "quotes and blanks, as R writes names": lines(
        lambda i, j, v: f'"{i}{j}" "user {i}" "The ""{j}"" of all" {v}', '"user" "film" "rating"\n'
    ),
    "a quote that is never closed": lines(
        lambda i, j, v: f"user{i}\t{j}\t{v}\t{chr(34) if j == 1 else ''}Weird Al", "user\titem\trating\ttext\n"
    ),
    "a long review": lines(lambda i, j, v: f'{i},{j},{v},"{"good, " * 30_000 if i == j == 0 else ""}"'),
    "a header in a comment": lines(lambda i, j, v: f"{v}\t{i}\t{j}", "#rating\tuser\titem\n"),
    "ids like comments": lines(lambda i, j, v: f"#{chr(97 + i)},{j},{v}"),
    "words that columns are called by": lines(lambda i, j, v: f"{'rstuvwy'[i]},{j},{v}"),
    "lines counted": "".join(f"{k},{i},{j},{v}\n" for k, (i, j, v) in enumerate(entries())),
    "lines counted under a title": "".join(
        ["Unnamed: 0,u_name,i_name,score\n", *(f"{k},{i},{j},{v}\n" for k, (i, j, v) in enumerate(entries()))]
    ),
    "a pivot table": "userId,1,2,3,4,5\n"
    + "".join(f"{i}," + ",".join("" if v != v else str(v) for v in row) + "\n" for i, row in enumerate(wanted())),
    "a matrix with separators at the ends": ",A,B,C,D,E,\n"
    + "".join(f"r{i}," + "".join(f"{'' if v != v else v}," for v in row) + "\n" for i, row in enumerate(wanted())),
    "Matrix Market in small letters, after a mark": "\ufeff\n%%matrixmarket matrix coordinate real general\n"
    + f"7 5 {len(entries())}\n"
    + lines(lambda i, j, v: f"{i + 1} {j + 1} {v}"),
    "comments": lines(lambda i, j, v: f"{i} {j} {v}", "# who what how much\n% and more of it\n"),
    "a separator at the end": lines(lambda i, j, v: f"{i},{j},{v},"),
    "gz": gzip.compress(lines(lambda i, j, v: f"{i},{j},{v}").encode()),
    "bz2": bz2.compress(lines(lambda i, j, v: f"{i},{j},{v}").encode()),
    "xz": lzma.compress(lines(lambda i, j, v: f"{i},{j},{v}").encode()),
    "Matrix Market": "%%MatrixMarket matrix coordinate real general\n% of films\n"
    + f"7 5 {len(entries())}\n"
    + lines(lambda i, j, v: f"{i + 1} {j + 1} {v}"),
}


@pytest.mark.parametrize("name", list(FORMATS))
def test_the_same_entries_come_out_of_every_format(tmp_path: Path, name: str) -> None:
    """Ids of whatever kind become places from zero in their order; what else stands in a file is passed over."""
    given = FORMATS[name]
    path = tmp_path / "u.data"
    path.write_bytes(given if isinstance(given, bytes) else given.encode())
    table = read(path)
    np.testing.assert_array_equal(as_matrix(table), wanted())


# What columns are called elsewhere, with what each line has in them: rows by i, columns by j.
HEADERS = {
    "rating,title,text,images,asin,parent_asin,user_id,timestamp": "{v},Great {k},nice,[],{j},{j},{i},1588000000",
    "Id,Title,Price,User_id,profileName,review/helpfulness,review/score": "{k},{j},9.5,{i},n,7/7,{v}",
    "user_id,title,book_id,rating": "{i},the same,{j},{v}",
    "user,item,count,rating": "{i},{j},7,{v}",
    "movie_rating,user,movie": "{v},{i},{j}",
    "review_date,who,what,score": "{k},{i},{j},{v}",
    "x,y,z": "{i},{j},{v}",
    "u,v,w": "{i},{j},{v}",
    "r,c,v": "{i},{j},{v}",
    "score,product_code,customer_code": "{v},{j},{i}",
    "user,item,2014": "{i},{j},{v}",
    "candidate,job,grade": "{i},{j},{v}",
    "id,person,thing,score": "{k},{i},{j},{v}",
}


@pytest.mark.parametrize("header", list(HEADERS))
def test_columns_are_found_by_what_they_are_called(tmp_path: Path, header: str) -> None:
    """A review's title is no film, a count of votes no rating, a date no person, and the v of u, v, w no value."""
    text = [HEADERS[header].format(i=i, j=j, v=v, k=k) for k, (i, j, v) in enumerate(entries())]
    (tmp_path / "r.csv").write_text("\n".join([header, *text]))
    np.testing.assert_array_equal(as_matrix(read(tmp_path / "r.csv")), wanted())


MATRICES = {
    "names and few columns": ("user,Alien,Brazil,Diva\nanna,5,3,1\nben,2,,4\n", [[5, 3, 1], [2, None, 4]]),
    "two columns": (",Alien,Brazil\nanna,5,3\nben,2,4\n", [[5, 3], [2, 4]]),
    "fractions where ids would be": ("0.5,1.5,-2.25\n1,0.1,0.2\n", [[0.5, 1.5, -2.25], [1, 0.1, 0.2]]),
    "gaps everywhere": ("NaN 3 5\n2 NaN 1\n4 4 NaN\n", [[None, 3, 5], [2, None, 1], [4, 4, None]]),
    "stars alone": ("5 3 0 1\n4 0 0 1\n1 1 0 5\n", [[5, 3, 0, 1], [4, 0, 0, 1], [1, 1, 0, 5]]),
    "years": ("film,1990,1991\nAlien,1,20\nDiva,30,4\n", [[1, 20], [30, 4]]),
}


@pytest.mark.parametrize("name", list(MATRICES))
def test_a_narrow_matrix_is_not_taken_for_a_list(tmp_path: Path, name: str) -> None:
    """Its first row would be names of columns, and its values ids, without a word of it."""
    text, rows = MATRICES[name]
    (tmp_path / "m.csv").write_text(text)
    np.testing.assert_array_equal(as_matrix(read(tmp_path / "m.csv")), np.array(rows, dtype=float))


def test_what_windows_wrote_is_read_as_it_was_meant(tmp_path: Path) -> None:
    """Its letters between 128 and 159 are none of Latin-1."""
    (tmp_path / "w.csv").write_bytes("O’Neil,é,5\n“A”,b,4\n".encode("cp1252"))
    assert set(read(tmp_path / "w.csv").ids[0]) == {"O’Neil", "“A”"}


def test_what_may_be_part_of_a_hash_is_a_word(tmp_path: Path) -> None:
    """1e10 and 10000000000 are one number only as programs write it: 1.0e+10."""
    (tmp_path / "h.csv").write_text("1e10,a,3\n10000000000,b,4\n")
    assert set(read(tmp_path / "h.csv").ids[0]) == {"1e10", "10000000000"}


def test_signs_of_several_kinds_make_words(tmp_path: Path) -> None:
    """-+1 is no number."""
    (tmp_path / "s.csv").write_text("-+1,a,3\n2,b,4\n")
    assert set(read(tmp_path / "s.csv").ids[0]) == {"2", "-+1"}


def test_a_tensor_of_small_indices_is_no_matrix(tmp_path: Path) -> None:
    """Where a tensor is asked for, a line is an entry, whatever its numbers are."""
    (tmp_path / "t.txt").write_text("0 1 2 3.5\n1 1 1 2\n0 0 0 1\n2 2 1 4\n")
    assert data_files.table(TensorCompletion(file=str(tmp_path / "t.txt"))).shape == (3, 3, 3)


@pytest.mark.parametrize(("value", "is_told"), [(0.0, True), (1.0, False)])
def test_zeros_that_may_stand_for_nothing_are_told_of(tmp_path: Path, value: float, is_told: bool) -> None:
    """A whole matrix with zeros for most entries is how many keep what was not given; here a zero is a rating."""
    (tmp_path / "z.npy").write_bytes(packed("npy", np.where(np.eye(6) > 0, 5.0, value)))
    assert any("are 0, and count as given" in remark for remark in read(tmp_path / "z.npy").remarks) == is_told


def packed(kind: str, array: np.ndarray[Any, Any]) -> bytes:
    buffer = io.BytesIO()
    if kind == "npz":
        np.savez(buffer, array)
    else:
        np.save(buffer, array)
    return buffer.getvalue()


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("kind", ["matrix", "list", "npz"])
def test_npy_is_a_matrix_with_nan_where_nothing_is_given_or_a_list(tmp_path: Path, kind: str, order: Any) -> None:
    """Both are how people keep ratings in NumPy; the order of the bytes is not theirs to think of."""
    array = np.array(entries()) if kind == "list" else wanted()
    path = tmp_path / "r.npy"
    path.write_bytes(packed(kind, np.asarray(array, order=order)))
    np.testing.assert_array_equal(as_matrix(read(path)), wanted())


def test_an_array_with_times_is_a_list(tmp_path: Path) -> None:
    """np.loadtxt of ratings with times: four columns, of which none is a film."""
    array = np.array([(i, j, v, 881_250_949 + i) for i, j, v in entries()])
    (tmp_path / "r.npy").write_bytes(packed("npy", array))
    np.testing.assert_array_equal(as_matrix(read(tmp_path / "r.npy")), wanted())


def test_a_sparse_matrix_of_scipy_is_called_so(tmp_path: Path) -> None:
    """An archive of arrays that are no entries each; what writes them otherwise is named."""
    np.savez(tmp_path / "s.npz", data=[1.0], row=[0], col=[0], shape=[1, 1], format=np.array(b"coo"))
    with pytest.raises(BadSetting, match=r"sparse matrix of SciPy: write it with scipy\.io\.mmwrite"):
        read(tmp_path / "s.npz")


def test_a_whole_matrix_as_text_keeps_the_names_of_rows_and_columns(tmp_path: Path) -> None:
    """A sheet with viewers down and films across, empty where nobody has seen one."""
    films = ["Alien", "Brazil", "Casablanca", "Diva", "Emma"]
    text = "," + ",".join(films) + "\n"
    for i, row in enumerate(wanted()):
        text += f"viewer {i}," + ",".join("" if value != value else f"{value:g}" for value in row) + "\n"
    (tmp_path / "sheet.csv").write_text(text)
    table = read(tmp_path / "sheet.csv")
    np.testing.assert_array_equal(as_matrix(table), wanted())
    assert [list(ids) for ids in table.ids] == [[f"viewer {i}" for i in range(7)], films]
    bare = "\n".join("\t".join("NaN" if value != value else f"{value:g}" for value in row) for row in wanted())
    (tmp_path / "bare.tsv").write_text(bare)
    np.testing.assert_array_equal(as_matrix(read(tmp_path / "bare.tsv", layout="table")), wanted())


def test_a_symmetric_matrix_market_file_stands_on_both_sides(tmp_path: Path) -> None:
    """The format gives the lower half alone (Boisvert et al. 1996)."""
    (tmp_path / "s.mtx").write_text("%%MatrixMarket matrix coordinate integer symmetric\n3 3 2\n2 1 4\n3 3 5\n")
    table = read(tmp_path / "s.mtx")
    assert sorted(zip(*table.indices, table.values, strict=True)) == [(0, 1, 4.0), (1, 0, 4.0), (2, 2, 5.0)]
    (tmp_path / "a.mtx").write_text("%%MatrixMarket matrix array real general\n2 2\n1\n2\n3\n4\n")
    assert as_matrix(read(tmp_path / "a.mtx")).tolist() == [[1.0, 3.0], [2.0, 4.0]]
    (tmp_path / "k.mtx").write_text("%%MatrixMarket matrix array real skew-symmetric\n2 2\n7\n")
    assert sorted(read(tmp_path / "k.mtx").values) == [-7.0, 7.0]


def test_parquet_is_read_where_pyarrow_is_and_refused_with_its_name_where_not(tmp_path: Path) -> None:
    """It is an extra: without it the sentence says what to install."""
    path = tmp_path / "r.parquet"
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        path.write_bytes(b"PAR1" + bytes(20) + b"PAR1")
        with pytest.raises(BadSetting, match="pip install pyarrow"):
            read(path)
        return
    i, j, v = zip(*entries(), strict=True)
    names = {"when": list(range(len(i))), "film": [f"B{one}" for one in j], "user": i, "stars": v}
    pyarrow.parquet.write_table(pyarrow.table(names), path)
    table = read(path)
    np.testing.assert_array_equal(as_matrix(table), wanted())
    assert (table.names, table.value_name) == (["user", "film"], "stars")
    with pytest.raises(BadSetting, match=r"has no column movie \(problem\.columns\)"):
        read(path, columns=("user", "movie", "stars"))
    bytes_and_index = {"__index_level_0__": names["when"], "who": [b"u%d" % one for one in i], "what": j, "score": v}
    pyarrow.parquet.write_table(pyarrow.table(bytes_and_index), path)
    np.testing.assert_array_equal(as_matrix(read(path)), wanted())
    assert read(path).ids[0][0] == "u0"
    pyarrow.parquet.write_table(pyarrow.table({"user": [1.0, float("nan")], "film": [1, 2], "stars": [1, 2]}), path)
    with pytest.raises(BadSetting, match="row 2 has no user"):
        read(path)


def test_a_zip_of_one_file_is_read_and_of_several_names_the_likely_one(tmp_path: Path) -> None:
    """Ratings come in archives; which file of several is meant is the person's to say."""
    for names in (["ml/ratings.csv"], ["ml/README.txt", "ml/movies.csv", "ml/ratings.csv"]):
        with zipfile.ZipFile(tmp_path / "ml.zip", "w") as archive:
            for name in names:
                archive.writestr(name, lines(lambda i, j, v: f"{i},{j},{v}"))
        if len(names) == 1:
            np.testing.assert_array_equal(as_matrix(read(tmp_path / "ml.zip")), wanted())
        else:
            with pytest.raises(BadSetting, match=r"archive of 3 files: unpack it and give .* \(ml/ratings\.csv"):
                read(tmp_path / "ml.zip")


def test_columns_are_chosen_by_name_or_by_place(tmp_path: Path) -> None:
    """Where names do not tell, the person does."""
    text = lines(lambda i, j, v: f"{v},{i},9,{j}", "a,b,c,d\n")
    (tmp_path / "x.csv").write_text(text)
    for columns in (("b", "d", "a"), (2, 4, 1), ("2", "4", "1")):
        np.testing.assert_array_equal(as_matrix(read(tmp_path / "x.csv", columns=columns)), wanted())


@pytest.mark.parametrize("columns", [("user", "user", "rating"), ("user", "rating")])
def test_columns_that_are_there_and_make_no_list_are_not_called_missing(
    tmp_path: Path, columns: tuple[str, ...]
) -> None:
    """The sentence says how many are wanted."""
    (tmp_path / "x.csv").write_text("user,item,rating\n1,2,3\n")
    with pytest.raises(BadSetting, match="give three or more, each once"):
        read(tmp_path / "x.csv", columns=columns)


def test_what_was_understood_can_be_overruled(tmp_path: Path) -> None:
    """Words without a header look like a header, and the person knows better."""
    (tmp_path / "w.csv").write_text("anna;film x;5\nben;film y;4\n")
    assert len(read(tmp_path / "w.csv").values) == 2
    (tmp_path / "h.csv").write_text("1;2;3\n4;5;6\n")
    assert len(read(tmp_path / "h.csv", header="yes").values) == 1
    (tmp_path / "d.csv").write_text("1;2;3,5\n4;5;6,25\n")
    assert list(read(tmp_path / "d.csv").values) == [3.5, 6.25]
    with pytest.raises(BadSetting, match="line 1 column 3 has '3,5' for a value"):
        read(tmp_path / "d.csv", decimal="point")
    # The comma splits every line in two as well.
    assert list(read(tmp_path / "d.csv", separator="semicolon", decimal="comma").values) == [3.5, 6.25]


def test_entries_given_again_are_refused_or_made_one(tmp_path: Path) -> None:
    """Nothing is dropped unsaid: the sentence names both lines and the setting."""
    (tmp_path / "r.csv").write_text("0,0,1\n1,0,2\n0,0,4\n")
    with pytest.raises(BadSetting, match=r"line 3 gives entry 0,0 again \(first on line 1\).*problem\.repeated"):
        read(tmp_path / "r.csv")
    for how, value in (("mean", 2.5), ("first", 1.0), ("last", 4.0)):
        table = read(tmp_path / "r.csv", repeated=how)
        assert (list(table.values), table.n_repeated) == ([value, 2.0], 1)


def test_a_shape_that_was_asked_for_makes_places_of_whole_numbers_below_it(tmp_path: Path) -> None:
    """So a matrix keeps rows that nobody rated; other ids are counted."""
    path = tmp_path / "r.csv"
    path.write_text("0,0,1\n3,2,1\n")
    assert tables.read(path, Reading(), (6, 4), 2).indices[0].tolist() == [0, 3]
    assert tables.read(path, Reading(), None, 2).indices[0].tolist() == [0, 1]
    path.write_text("0,a,1\n3,b,1\n5,c,1\n")
    with pytest.raises(BadSetting, match=r"problem\.shape 2 × 4 is too small for r\.csv, whose ids need 3 × 3"):
        tables.read(path, Reading(), (2, 4), 2)


REFUSED: list[tuple[str | bytes, str]] = [
    ("", "has no entries"),
    ("\n \n", "has no entries"),
    ("# only this\n", "has no entries"),
    ("0,0\n", "has no lines of three cells or more"),
    ("0,0,one\n", "line 1 column 3 has 'one' for a value (read as comma-separated, without a header"),
    ("0,0,1\n0,1,2,3\n1,1,2\n", "line 2 has 4 cells, not 3 (read as comma-separated"),
    ("0,0,1\n0,,2\n", "line 2 column 2 is empty, and is an id"),
    ("0,0,1\n0,1,\n", "line 2 column 3 has '' for a value"),
    ("0,0,1\n0,1,nan\n1,1,inf\n", "has 2 values that are not finite (line 2, line 3)"),
    ("0,0,1e200\n", "has values up to 1e+200, and 1e+100 is the most"),
    (
        "u,i,rating\n1,2,three\n",
        "line 2 column 3 has 'three' for a value (read as comma-separated, with a header: rows by u",
    ),
    ('[{"user": 1}]', "is JSON"),
    ("<html>", "is HTML"),
    ("1:\n30878,4,2005-12-26\n", "has 1 cells, not 3"),
    (b"\x00\xff,,\n", "is not a text"),
    (b"\x1f\x8b\x08\x00cut", "is damaged where it is compressed"),
    (b"\x93NUMPY\x01\x00", "damaged NPY header"),
    (b"\x89HDF\r\n\x1a\n", "is an HDF5 file"),
    ("%%MatrixMarket matrix coordinate complex general\n1 1 1\n1 1 2 3\n", "line 1 says complex general"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 2\n1 1 4\n", "says 2 entries and has 1"),
    ("%%MatrixMarket matrix coordinate real general\n2 2 1\n3 1 4\n", "line 3 has the place 3 1, outside 2 × 2"),
]


REFUSED += [
    ('user,item,plays\n1,1,"1,234"\n1,2,17\n', "has '1,234', which may be 1234 or 1.234"),
    ("u;i;plays\n1;11;1.5\n2;12;0,5\n", "line 3 column 3 has '0,5' for a value"),
    ("user,item,rating\n1,11,5\nnan,12,3\n", "line 3 has no user id but nan: fill it in or remove it"),
    ("user,item,rating\n1,11,5\n1,12,NA\n", "remove the line, or choose problem.columns"),
    ("1,11,881250949,5\n2,11,881250950,3\n", "column 3 would be the value and looks like times, as 881250950"),
    ("%%MatrixMarket matrix coordinate real symmetric\n2 5 1\n1 5 3\n", "says that it is symmetric and has 2 × 5"),
    ("%%MatrixMarket matrix coordinate real skew-symmetric\n2 2 1\n1 1 3\n", "line 3 has 3 on the diagonal"),
    (bytes(257) + b"ustar" + bytes(250), "is a tar archive"),
    (b"\x80\x05\x95", "is a Python pickle"),
]


@pytest.mark.parametrize(("given", "said"), REFUSED)
def test_what_makes_no_problem_is_refused_in_one_sentence(tmp_path: Path, given: str | bytes, said: str) -> None:
    """It names the file, the line and column, what was understood, and what changes it."""
    path = tmp_path / "bad.csv"
    path.write_bytes(given if isinstance(given, bytes) else given.encode())
    with pytest.raises(BadSetting) as refused:
        read(path)
    assert said in str(refused.value)
    assert str(refused.value).startswith("problem.file bad.csv: ")
    assert "\n" not in str(refused.value)
    assert refused.value.field == "problem.file"


def test_a_missing_file_names_the_path(tmp_path: Path) -> None:
    """Before anything is trained."""
    with pytest.raises(BadSetting, match=r"problem\.file absent\.csv: cannot be read"):
        read(tmp_path / "absent.csv")


def test_too_many_different_ids_are_refused_with_their_number(tmp_path: Path) -> None:
    """A dense matrix of them would not fit anywhere; how large ids are does not matter."""
    (tmp_path / "many.csv").write_text("".join(f"{17 * k},0,1\n" for k in range(20_001)))
    with pytest.raises(BadSetting, match="has 20001 different row ids, and 20000 is the most"):
        read(tmp_path / "many.csv")


@pytest.mark.parametrize("form", ["list", "npy", "npy list"])
def test_a_tensor_comes_as_indices_and_a_value_or_as_npy(tmp_path: Path, form: str) -> None:
    """Three modes and more; the kind of problem says that it is none of a matrix."""
    tensor = np.arange(1.0, 25.0).reshape(2, 3, 4)
    rows = [(at, value) for at, value in np.ndenumerate(tensor)]
    path = tmp_path / ("t.npy" if "npy" in form else "t.csv")
    if form == "list":
        path.write_text("a,b,c,value,timestamp\n" + "".join(f"{i},x{j},{k},{v},0\n" for (i, j, k), v in rows))
    else:
        flat = np.array([[*at, value] for at, value in rows])
        path.write_bytes(packed("npy", flat if form == "npy list" else np.asfortranarray(tensor)))
    problem = TensorCompletion(file=str(path), layout="list" if form == "npy list" else "auto")
    np.testing.assert_array_equal(as_matrix(data_files.table(problem)), tensor)


def test_a_matrix_is_not_taken_for_a_tensor(tmp_path: Path) -> None:
    """Two indices an entry: the sentence says which kind of problem it is."""
    (tmp_path / "m.csv").write_text("0,0,1\n1,1,2\n")
    with pytest.raises(BadSetting, match=r"has 2 indices an entry .* set problem\.kind to matrix-completion"):
        data_files.table(TensorCompletion(file=str(tmp_path / "m.csv")))


@hypothesis.given(
    ids=st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), min_size=2, unique=True
    )
)
@hypothesis.settings(max_examples=25, deadline=None)
def test_every_id_comes_back(tmp_path_factory: pytest.TempPathFactory, ids: list[str]) -> None:
    """What a place is called is what stood in the file: ids are kept, none are merged but numbers written twice."""
    import csv

    path = tmp_path_factory.mktemp("ids") / "r.csv"
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["user", "item", "rating"])
        writer.writerows([name, "x", place] for place, name in enumerate(ids))
    try:
        table = read(path, separator="comma", header="yes", repeated="first")
    except BadSetting as refused:
        assert "not finite" in str(refused)  # noqa: PT017
        return
    names = [str(table.ids[0][place]) for place in table.indices[0]]
    if len(names) == len(ids):
        assert [ids[int(value)] for value in table.values] == names or all(
            float(ids[int(value)]) == float(name) for value, name in zip(table.values, names, strict=True)
        )
    else:
        assert len({float(name) for name in ids}) == len(names), "01 and 1 are one number only where all are numbers"


def settle(tmp_path: Path, changes: dict[str, Any], stop: dict[str, Any] | None = None) -> Completion:
    (tmp_path / "r.csv").write_text(lines(lambda i, j, v: f"{i},{j},{v}"))
    raw = {"problem": {"kind": "matrix-completion", "file": "r.csv"} | changes, "stop": stop or {}}
    problem = data_files.settle(settings.decode(raw), tmp_path).problem
    assert isinstance(problem, MatrixCompletion)
    return problem


def test_a_settled_file_settles_to_itself(tmp_path: Path) -> None:
    """The solver reads the file again with the shape that was found: places must be the same, gaps or none."""
    (tmp_path / "gaps.csv").write_text("".join(f"{3 * i},{j + 1},{v}\n" for i, j, v in entries()))
    problem = MatrixCompletion(file=str(tmp_path / "gaps.csv"))
    first = data_files.table(problem)
    again = data_files.table(MatrixCompletion(file=problem.file, shape=first.shape))
    assert [list(one) for one in again.indices] == [list(one) for one in first.indices]


def test_what_is_waited_for_has_entries_of_its_own(tmp_path: Path) -> None:
    """Patience chooses a step by the validation entries: half of what is held out goes there unless it is said."""
    settled = settle(tmp_path, {"test_fraction": 0.4}, {"patience": 5})
    assert (settled.test_fraction, settled.validation_fraction) == (0.2, 0.2)
    said = settle(tmp_path, {"test_fraction": 0.4, "validation_fraction": 0.1}, {"patience": 5})
    assert (said.test_fraction, said.validation_fraction) == (0.4, 0.1)
    assert settle(tmp_path, {"test_fraction": 0.4}).validation_fraction is None


@pytest.mark.parametrize(
    ("problem", "stop", "said"),
    [
        ({"file": "r.csv"}, {"patience": 5}, "problem.test_fraction is 0: set it to 0.1"),
        ({}, {"patience": 5}, "set problem.file and problem.test_fraction"),
        ({"separator": "tab"}, {}, "separator says how a file is read, and no file is given"),
        ({"columns": ["a", "b", "c"]}, {}, "columns says how a file is read"),
        ({"centre": "mean"}, {}, "centre is of a file's values"),
        ({"file": "r.csv", "validation_fraction": 0.1}, {}, "test_fraction 0 leaves nothing to judge it by"),
        ({"file": "r.csv", "test_fraction": 0.6, "validation_fraction": 0.5}, {}, "leaves none to train on"),
        ({"file": "r.csv", "test_fraction": 0.001}, {}, "less than one"),
    ],
)
def test_settings_of_a_file_that_contradict_each_other_are_refused(
    tmp_path: Path, problem: dict[str, Any], stop: dict[str, Any], said: str
) -> None:
    """At the door, with the field and the cure."""
    (tmp_path / "r.csv").write_text(lines(lambda i, j, v: f"{i},{j},{v}"))
    raw = {"problem": {"kind": "matrix-completion"} | problem, "stop": stop}
    with pytest.raises(BadSetting) as refused:
        data_files.settle(settings.decode(raw), tmp_path)
    assert said in str(refused.value)
