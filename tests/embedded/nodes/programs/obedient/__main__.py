import sys

import obedient


def main():
    exec(sys.argv[1], {"obedient": obedient})  # noqa: S102 - as a test has written it


if __name__ == "__main__":
    main()
