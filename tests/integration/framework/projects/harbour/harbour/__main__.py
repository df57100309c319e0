"""`python -m harbour run|webhook`."""

from harbour.operator import OPERATOR

OPERATOR.main()
