"""Print one table: medians of interleaved rounds, and each figure's ratio to the one that it is read against."""

from bench import micro, sessions, start
from bench.measure import Figure, run


def main() -> None:
    figures: list[Figure] = [*micro.figures(), *sessions.figures(), *start.figures()]
    medians = run(figures)
    width = max(len(figure.name) for figure in figures)
    print(f"{'':{width}}  {'median':>10}  {'spread':>7}  ratio")
    for figure in figures:
        median, spread = medians[figure.name]
        against = f"{median / medians[figure.beside][0]:.1f} x {figure.beside}" if figure.beside else ""
        print(f"{figure.name:{width}}  {median * 1e6:>7.1f} µs  {spread:>6.0%}  {against}")


main()
