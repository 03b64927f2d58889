"""Bradley-Terry and Plackett-Luce before language models: Zermelo 1929, Luce 1959, Albert and Anderson 1984, Hunter "
"2004."""

__all__ = ["TITLE"]

TITLE = "Bradley–Terry and Plackett–Luce before language models"
