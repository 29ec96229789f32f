import pytest

from convsolve.frameworks.common.registry import registrar


def test_a_reader_stands_under_each_of_its_names():
    table = {}

    @registrar(table)("a", "b")
    def reader():
        return 1

    assert table == {"a": reader, "b": reader} and reader() == 1


def test_a_name_has_one_reader():
    table = {"a": str}
    with pytest.raises(AssertionError, match="a"):
        registrar(table)("a")(int)
    assert table == {"a": str}
