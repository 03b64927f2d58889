"""A figure as an image inside a page: for notebooks, where each move of a slider draws a new one."""

import base64
import io

from matplotlib.figure import Figure

from figures import style
from figures.drawing import Drawn

__all__ = ["data_url"]


def data_url(figure: Figure | Drawn) -> str:
    """A figure, or what a ``draw`` function returns, as a PNG in a ``data:`` address, in the style of the saved ones.

    Nothing is written to disk, and no file has to outlive the page that shows it.

    >>> figure, _ = style.new_figure()
    >>> data_url(figure)[:26]
    'data:image/png;base64,iVBO'
    """
    image = io.BytesIO()
    if isinstance(figure, Drawn):
        figure.save(image, metadata={"Software": None})
        return _address(image)
    style.write_image(figure, image, metadata={"Software": None})
    return _address(image)


def _address(image):
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
