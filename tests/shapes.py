"""How annotations are executed in the tests: an int passes for a float, as for a type checker."""

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
