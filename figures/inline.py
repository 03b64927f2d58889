"""A figure as an image in memory, for notebooks: nothing is written to disk."""

import io

from matplotlib.figure import Figure

from figures import style


def png(figure: Figure) -> bytes:
    """The figure as PNG bytes, in the style and the resolution of the saved ones.

    >>> figure, _ = style.new_figure()
    >>> png(figure)[1:4]
    b'PNG'
    """
    image = io.BytesIO()
    style.write_image(figure, image, metadata={"Software": None})
    return image.getvalue()
