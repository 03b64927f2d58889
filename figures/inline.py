"""A figure as an image inside a page: for notebooks, where each move of a slider draws a new one."""

import base64
import io

from matplotlib.figure import Figure

from figures import style


def data_url(figure: Figure) -> str:
    """The figure as a PNG in a ``data:`` address, in the style and the resolution of the saved ones.

    Nothing is written to disk, and no file has to outlive the page that shows it.

    >>> figure, _ = style.new_figure()
    >>> data_url(figure)[:26]
    'data:image/png;base64,iVBO'
    """
    image = io.BytesIO()
    style.write_image(figure, image, metadata={"Software": None})
    return "data:image/png;base64," + base64.b64encode(image.getvalue()).decode()
