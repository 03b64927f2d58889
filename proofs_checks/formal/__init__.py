"""The same statements for the Coq proof assistant: definitions once, one file a chapter, and what its kernel said.

What may enter: files for Coq, the list that ties them to statements (``claims.toml``), the record of the last full
check (``record.json``), and the code that compiles, records and reads. ``docs/formal.md`` says how to read them.
"""

__all__: list[str] = []
