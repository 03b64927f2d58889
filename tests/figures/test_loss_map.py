"""The matrix of losses shows every cell of the map, by a sign that needs no colour."""

from figures import loss_map
from tabular import losses
from tabular.losses.guarantees import PROPERTIES


def test_every_cell_is_drawn_as_the_map_has_it():
    table = loss_map.compute()
    ax = loss_map.draw(table).axes[0]
    drawn = {text.get_position(): text.get_text() for text in ax.texts}
    names = list(losses.guarantees())
    assert [tick.get_text() for tick in ax.get_yticklabels()] == names
    assert len(drawn) == 31 * 13
    for y, row in enumerate(losses.guarantees().values()):
        for x, name in enumerate(PROPERTIES):
            assert drawn[x, y] == loss_map.SIGNS[row[name].answer.value][0]
    assert len({sign for sign, *_ in loss_map.SIGNS.values()}) == 4


def test_the_caption_counts_all_cells():
    text = loss_map.caption(loss_map.compute())
    assert "open here (16)" in text
    assert "171 cells" in text
