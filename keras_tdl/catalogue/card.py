"""What must be known about a function, once. Tests, documentation, plots and the command line read it here."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["activation", "loss", "layer", "metric"]
Labels = Literal["real", "binary", "signed", "one_hot", "index", "probabilities", "logits"]
Predictions = Literal["real", "logits", "probabilities", "log_probabilities", "scores"]


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """An argument of the function.

    Args:
        name: The argument's name.
        default: Its default value.
        valid: The valid values in words, as error messages print them: `"a number above 0"`.
        slider: The range a plot's slider may span, or `None` where sliding makes no sense.
        trainable: Whether the class can learn it.
    """

    name: str
    default: Any
    valid: str
    slider: tuple[float, float] | None = None
    trainable: bool = False


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where a function comes from. `link` is a DOI or an arXiv number, written `doi:…` or `arXiv:…`."""

    authors: str
    year: int
    title: str
    link: str = ""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """The largest error allowed, in units in the last place of the exact result. Budgets only go down.

    Args:
        value: Of the value in float32 and float64.
        gradient: Of the gradient in float32 and float64.
        half: Of the value in float16 and bfloat16, from the correctly rounded result.
    """

    value: float = 4.0
    gradient: float = 8.0
    half: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Card:
    """What every entry of the catalogue tells about itself.

    Args:
        name: The name in the catalogue.
        kind: Activation, loss, layer or metric.
        summary: One line.
        function: The function, if there is one.
        layer: The class, a `Layer`, `Loss` or `Metric`, if there is one.
        aliases: Other names `get` accepts.
        since: The version of the package that first had it.
        use_for: When to choose it.
        avoid_for: When to choose something else.
        pairs_with: Loss, output activation and label format that belong together.
        formula: LaTeX.
        gradient_formula: LaTeX; for an activation, the derivative.
        parameters: The arguments, in order.
        settings: Argument sets to test and to show besides the defaults.
        class_settings: Argument sets of the class alone, such as those that give it weights.
        built_in: What is wrong with Keras's own, and in which version; or that it is Keras's own.
        book: Section of *The Theory of Deep Learning*.
        erratum: What the book gets wrong, and what is right.
        sources: Papers.
        expected_failures: Check of `keras_tdl.testing` -> why it must fail for this entry.
    """

    name: str
    kind: Kind
    summary: str
    function: Callable[..., Any] | None = None
    layer: type | None = None
    aliases: Sequence[str] = ()
    since: str = "0.1.0"
    use_for: str = ""
    avoid_for: str = ""
    pairs_with: str = ""
    formula: str = ""
    gradient_formula: str = ""
    parameters: Sequence[Parameter] = ()
    settings: Sequence[Mapping[str, Any]] = ()
    class_settings: Sequence[Mapping[str, Any]] = ()
    budget: Budget = field(default_factory=Budget)
    built_in: str = ""
    book: str = ""
    erratum: str = ""
    sources: Sequence[Source] = ()
    expected_failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def class_name(self) -> str | None:
        """The class's name, or `None`."""
        return self.layer.__name__ if self.layer else None


@dataclass(frozen=True, kw_only=True)
class ActivationCard(Card):
    """The card of an activation function.

    Args:
        oracle: `(mp, x, **parameters)` in mpmath, for one number (`axis=None`) or one list of numbers.
        derivative_oracle: The derivative, where it is not the oracle's own (a surrogate gradient).
        domain: Interval of valid inputs.
        range: Interval of values with the default parameters.
        kinks: Inputs at which the derivative jumps, and the derivative that every backend gives there.
        limits: Values at -inf and +inf with the default parameters (`None`: no limit).
        derivative_zeros: Inputs near which the derivative crosses 0, with the default parameters.
        properties: Any of "monotone", "odd", "even", "bounded", "convex", "positive", "idempotent",
            "sums_to_one", "shift_invariant". Each is tested.
        axis: The axis the function acts along; `None` if it acts on single elements.
        nan: What becomes of NaN.
    """

    kind: Kind = "activation"
    oracle: Callable[..., Any]
    derivative_oracle: Callable[..., Any] | None = None
    domain: tuple[float, float] = (float("-inf"), float("inf"))
    range: tuple[float, float] = (float("-inf"), float("inf"))
    kinks: Mapping[float, float] = field(default_factory=dict)
    limits: tuple[float | None, float | None] = (None, None)
    derivative_zeros: Sequence[float] = ()
    properties: frozenset[str] = frozenset()
    axis: int | None = None
    nan: str = "stays NaN"


@dataclass(frozen=True, kw_only=True)
class MetricCard(Card):
    """The card of a metric.

    Args:
        labels: The format of `y_true` with the default arguments.
        predictions: The format of `y_pred` with the default arguments.
        formats: For settings that change a format: maps an argument and its value to the new
            `(labels, predictions)`, as in `{("from_logits", True): ("binary", "logits")}`.
    """

    kind: Kind = "metric"
    labels: Labels
    predictions: Predictions
    formats: Mapping[tuple[str, Any], tuple[Labels, Predictions]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class LossCard(MetricCard):
    """The card of a loss, with the formats of its tensors as in `MetricCard`.

    Args:
        oracle: `(mp, y_true, y_pred, **parameters)` in mpmath, for one sample: lists of numbers along the axis
            (one integer for index labels).
        minimum: The least value the loss can take with the default arguments.
        properties: Any of "symmetric", "convex", "proper", "nonnegative". Each is tested.
    """

    kind: Kind = "loss"
    oracle: Callable[..., Any]
    minimum: float | None = 0.0
    properties: frozenset[str] = frozenset()
