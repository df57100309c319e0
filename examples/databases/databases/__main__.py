"""`python -m databases run`."""

from databases.operator import OPERATOR

OPERATOR.main()
