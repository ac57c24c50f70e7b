import pytest

from e2echat.faces.qr import qr_rows


@pytest.mark.parametrize("content", ["1" * 60, "e2echat:" + "a" * 220, "00ff " * 16])
def test_the_margin_is_light_on_every_side(content: str) -> None:
    rows = qr_rows(content)
    assert set(rows[0] + rows[1] + rows[-1]) == {"█"}
    assert {row[:4] + row[-4:] for row in rows} == {"█" * 8}
    assert len({len(row) for row in rows}) == 1
