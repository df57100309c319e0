"""`python -m helloworld_operator`, as debuggers start it."""

from helloworld_operator.cli import main

if __name__ == "__main__":
    main()
