from pathlib import Path

from service.channels.export import read_rows


def rows(tmp_path: Path, name, content):
    path = tmp_path / name
    path.write_bytes(content.encode())
    return list(read_rows(path))


def test_csv_columns_become_the_contracts_objects(tmp_path):
    header = "id,customer_id,occurred_at,text,rating_kind,rating_value,attributes\n"
    line = '7,dana,2026-11-01T10:00:00Z,"שלום, ""דנה""\nשורה",csat,4,"{""a"": 1}"\n'
    [(number, row, fault)] = rows(tmp_path, "a.csv", "\ufeff" + header + line)
    assert (number, fault) == (3, None)
    assert row == {
        "id": "7", "customer": {"id": "dana"}, "occurred_at": "2026-11-01T10:00:00Z",
        "text": 'שלום, "דנה"\nשורה', "rating": {"kind": "csat", "value": 4.0}, "attributes": {"a": 1},
    }  # fmt: skip


def test_csv_identities_and_empty_cells(tmp_path):
    [(_, row, _)] = rows(tmp_path, "a.csv", "id,identity_kind,identity_value,stage\n1,phone,050,\n")
    assert row == {"id": "1", "customer": {"identity": {"kind": "phone", "value": "050"}}}


def test_faulty_lines_are_told_and_the_rest_goes_on(tmp_path):
    found = rows(tmp_path, "a.jsonl", '{"id": "1"}\n\nnot json\n[1]\n{"id": "2"}\n')
    assert [(number, fault) for number, _, fault in found] == [
        (1, None), (3, "is not valid JSON"), (4, "is not a JSON object"), (5, None),
    ]  # fmt: skip
    [(_, row, fault)] = rows(tmp_path, "b.csv", "id,rating_value\n1,good\n")
    assert (row, "rating_value" in fault) == (None, True)
    [(_, row, fault)] = rows(tmp_path, "c.csv", "id\n1,2\n")
    assert (row, fault) == (None, "has more cells than the header")
