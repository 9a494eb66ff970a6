"""How often the 95 % intervals of evaluations contain the true value, on simulated rows.

    python tests/benchmarks/interval_coverage.py [--repeats 400] [--resamples 2000] [--rows 40 200 1000] [--json FILE]

Two systems answer the same rows: with a share of right answers, or with label sets of seven labels, the rarest of which
is on 8 % of the rows. The intervals are those of the first system and of the difference of both.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from factories.simulated_evaluations import LabelSets, Shares, Simulation, measure_coverage

SIMULATIONS: Final[dict[str, Simulation]] = {
    "share 0.50": Shares(first=0.5, second=0.4),
    "share 0.90": Shares(first=0.9, second=0.85),
    "share 0.98": Shares(first=0.98, second=0.97),
    "labels, recall 0.80": LabelSets(first=(0.8, 0.05), second=(0.7, 0.06)),
    "labels, recall 0.95": LabelSets(first=(0.95, 0.01), second=(0.93, 0.012)),
    "labels, recall 0.99": LabelSets(first=(0.99, 0.003), second=(0.98, 0.004)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=400, help="evaluations of each kind and size")
    parser.add_argument("--resamples", type=int, default=2_000)
    parser.add_argument("--rows", type=int, nargs="+", default=[40, 200, 1000])
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    options = parser.parse_args()
    print(f"{'rows':>6}  {'systems':<20}{'interval of':<28}{'covered':>8}{'width':>8}")
    found: list[dict[str, Any]] = []
    for row_count in options.rows:
        for name, simulation in SIMULATIONS.items():
            coverages = measure_coverage(
                simulation, row_count=row_count, repeats=options.repeats, num_resamples=options.resamples
            )
            for metric, coverage in coverages.items():
                print(
                    f"{row_count:>6}  {name:<20}{metric:<28}{coverage.covered:>8.3f}{coverage.width:>8.3f}", flush=True
                )
                found.append(
                    {
                        "rows": row_count,
                        "systems": name,
                        "metric": metric,
                        "covered": coverage.covered,
                        "width": coverage.width,
                    }
                )
    if options.json:
        options.json.write_text(json.dumps({"repeats": options.repeats, "intervals": found}, indent=2) + "\n")


if __name__ == "__main__":
    main()
