"""Never listens, never ends, keeps a core busy."""

while True:
    pass
