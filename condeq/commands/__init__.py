"""The commands, one file each, found by walking this folder: the file's name is the command, its function of that name
runs it. What a command computes stands elsewhere; here are its options, its words and the order of what it prints."""

__all__: list[str] = []
