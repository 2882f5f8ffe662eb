"""Statistics and sums over CSV files."""

import json
import statistics

import pytest

from pool.library import tables
from pool.library.errors import LibraryError
from pool.library.tables import aggregate_csv, csv_statistics


@pytest.fixture
def describe(folder, grant):
    def call(text, task=csv_statistics, args=(), **kwargs):
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "table.csv").write_bytes(data)
        result = task.func(str(folder / "table.csv"), *args, grant=grant, **kwargs)
        json.dumps(result, allow_nan=False)
        return result

    return call


def test_a_column_of_numbers_has_its_figures(describe):
    numbers = [3, 1, 4, 1, 5.5]
    (column,) = describe("n\n" + "\n".join(map(str, numbers)) + "\n")["columns"]
    assert tuple(column[k] for k in ("kind", "count", "missing", "min", "max", "distinct")) == (
        "number",
        5,
        0,
        1,
        5.5,
        4,
    )
    assert column["mean"] == pytest.approx(statistics.mean(numbers))
    assert column["std"] == pytest.approx(statistics.stdev(numbers))
    assert column["most_common"][0] == ["1", 2]


def test_missing_cells_are_counted_apart(describe):
    result = describe("a,b\n1,x\n,NA\n3,null\n")
    assert [(column["count"], column["missing"]) for column in result["columns"]] == [(2, 1), (1, 2)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_out(describe, delimiter):
    rows = [("name", "size", "note"), ("a", "1", "x y"), ("b", "2", "z"), ("c", "3", "w")]
    result = describe("\n".join(delimiter.join(row) for row in rows))
    assert delimiter == result["delimiter"]
    assert [column["name"] for column in result["columns"]] == ["name", "size", "note"]


def test_a_table_without_a_head_has_numbered_columns(describe):
    result = describe("1,a\n2,b\n")
    assert ([column["name"] for column in result["columns"]], result["rows"]) == (["column 1", "column 2"], 2)


def test_quotes_line_ends_in_cells_and_a_byte_order_mark_are_understood(describe):
    result = describe('\ufeffid,text\r\n1,"a, ""b""\r\nc"\r\n2,"d"\r\n')
    assert (result["rows"], result["columns"][0]["name"], result["uneven_rows"]) == (2, "id", 0)
    assert result["columns"][1]["min"] == 'a, "b"\r\nc'


def test_rows_of_another_length_are_counted(describe):
    assert describe("a,b\n1,2\n3\n4,5,6\n")["uneven_rows"] == 2


def test_infinite_and_mixed_values_are_text(describe):
    result = describe("a,b\ninf,1\n2,x\n")
    assert [column["kind"] for column in result["columns"]] == ["text", "text"]


def test_what_is_remembered_is_bounded(describe):
    rows = tables.MAX_DISTINCT + 50
    column = describe("id,x\n" + "".join(f"{i},a\n" for i in range(rows)))["columns"][0]
    assert (column["distinct"], column["distinct_is_more"], column["most_common"]) == (tables.MAX_DISTINCT, True, [])
    assert rows == column["count"]


def test_reading_stops_after_the_rows_asked_for(describe):
    result = describe("a\n1\n2\n3\n", max_rows=2)
    assert (result["rows"], result["complete"]) == (2, False)


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"", "is empty"),
        (b"a,b\n\xff\xfe,1\n", "pass its encoding"),
        (b"a,b\n\0\0,1\n", "NUL"),
        (b"a," * 300 + b"\n", "300|301"),
    ],
)
def test_a_file_that_is_no_table_is_refused_with_a_sentence(describe, data, sentence):
    with pytest.raises(LibraryError, match=sentence):
        describe(data)


def test_an_unknown_encoding_is_refused(describe):
    with pytest.raises(LibraryError, match="cannot be read as klingon"):
        describe("a\n1\n", encoding="klingon")


def test_rows_are_grouped_and_added_up(describe):
    result = describe("suffix,bytes\npy,10\ntxt,1\npy,30\ntxt,x\n", aggregate_csv, ("suffix", "bytes"))
    assert result["groups"][0] == {"group": "py", "count": 2, "sum": 40.0, "mean": 20.0, "min": 10.0, "max": 30.0}
    assert (result["groups"][1]["group"], result["groups"][1]["count"]) == ("txt", 1)


def test_an_absent_column_is_named(describe):
    with pytest.raises(LibraryError, match="no column 'size'; it has suffix, bytes"):
        describe("suffix,bytes\npy,1\n", aggregate_csv, ("suffix", "size"))


def test_more_groups_than_are_kept_go_together(describe):
    text = "k,v\n" + "".join(f"g{i},1\n" for i in range(tables.MAX_GROUPS + 5))
    result = describe(text, aggregate_csv, ("k", "v"))
    assert (len(result["groups"]), result["others"]["count"]) == (tables.MAX_GROUPS, 5)
