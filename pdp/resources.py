"""Find the grammar and protobuf files, in an installed package and in a checkout alike."""

from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def grammar(name: str) -> Path:
    """Return the path of a grammar file; raise FileNotFoundError where there is none.

    >>> grammar("pdp.lark").name
    'pdp.lark'
    """
    return _find("grammar", name)


def proto(name: str) -> Path:
    """Return the path of a protobuf file; raise FileNotFoundError where there is none."""
    return _find("proto", name)


def _find(folder: str, name: str) -> Path:
    # A wheel carries the folder inside the package; in a checkout it stands beside the package.
    candidates = [_PACKAGE / folder / name, _PACKAGE.parent / folder / name]
    for path in candidates:
        if path.is_file():
            return path
    places = " or ".join(f"`{path.parent}`" for path in candidates)
    raise FileNotFoundError(f"no {folder} file `{name}` in {places}: the installation is incomplete")
