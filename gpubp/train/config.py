"""The settings of a run: each stated once, and read from flags, a TOML file or Python."""

from __future__ import annotations

import argparse
import dataclasses
import difflib
import json
import math
import os
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gpubp.errors import ConfigError

# Each reached 97.8 % or more on the digits, the other settings being the defaults.
_LEARNING_RATES = {
    "sgd": 0.3,
    "momentum": 0.05,
    "nesterov": 0.05,
    "adam": 0.003,
    "adamw": 0.003,
    "rmsprop": 0.0005,
}


def _setting(default: Any, help: str, metavar: str = "", **rule: Any) -> Any:
    """``rule``: choices, or the bounds above (exclusive), low (inclusive), below (exclusive)."""
    metadata = {"help": help, "metavar": metavar, "rule": rule}
    return dataclasses.field(default=default, metadata=metadata)


@dataclass(frozen=True)
class Config:
    """Everything that decides a run's result; a wrong setting raises ConfigError.

    >>> Config(optimizer="sgd").lr
    0.3
    """

    data: str = _setting(
        "digits", "digits, FILE.npz, FILE.csv, or a FOLDER of IDX files (MNIST's format)", "DATA"
    )
    label_column: str = _setting(
        "auto", "CSV: the label's column, by name or by number from 0", "COLUMN"
    )
    test_fraction: float = _setting(
        0.2, "share kept for testing where the data has no test part", above=0, below=1
    )
    model: str = _setting("mlp", "kind of network; cnn needs images", choices=("mlp", "cnn"))
    hidden: tuple[int, ...] = _setting(
        (256, 128), "widths of the hidden layers, as in 128,64 (cnn: after the convolutions)", low=1
    )
    channels: tuple[int, ...] = _setting((16, 32), "cnn: channels of the convolutions", low=1)
    activation: str = _setting(
        "relu",
        "between the layers",
        choices=("relu", "gelu", "silu", "elu", "leaky_relu", "tanh", "sigmoid"),
    )
    dropout: float = _setting(0.0, "share of hidden values dropped in training", low=0, below=1)
    optimizer: str = _setting("adamw", "update rule", choices=tuple(_LEARNING_RATES))
    lr: float | None = _setting(None, "learning rate (default: by optimizer, adamw 0.003)", above=0)
    momentum: float = _setting(0.9, "of momentum, nesterov and rmsprop", low=0, below=1)
    weight_decay: float | None = _setting(
        None, "pull of the weights towards zero (default: adamw 0.01, others 0)", low=0
    )
    clip_norm: float = _setting(0.0, "largest norm of a gradient; 0: no limit", low=0)
    schedule: str = _setting(
        "constant",
        "learning rate over the epochs",
        choices=("constant", "cosine", "linear", "exponential"),
    )
    label_smoothing: float = _setting(
        0.1, "share of the target spread over all classes", low=0, below=1
    )
    epochs: int = _setting(20, "passes over the training examples", low=1)
    batch_size: int = _setting(64, "examples per update", low=1)
    seed: int = _setting(
        0, "of the split, the weights, the order and the dropout", low=0, below=2**64
    )
    backend: str = _setting("auto", "auto, numpy, cupy, cupy:1, torch, ...", "NAME")
    dtype: str = _setting("float32", "of the arithmetic", choices=("float32", "float64"))

    def __post_init__(self) -> None:
        for name in NAMES:
            value = getattr(self, name)
            object.__setattr__(self, name, check(name, value, f"Config: {name}"))
        # From here on the defaults that depend on other settings are settings like any other.
        if self.lr is None:
            object.__setattr__(self, "lr", _LEARNING_RATES[self.optimizer])
        if self.weight_decay is None:
            object.__setattr__(self, "weight_decay", 0.01 if self.optimizer == "adamw" else 0.0)


_FIELDS = {field.name: field for field in dataclasses.fields(Config)}
_KINDS = typing.get_type_hints(Config)
NAMES = tuple(_FIELDS)


def check(name: str, value: Any, where: str) -> Any:
    """``value`` in the setting's type if it fits the setting; ConfigError naming ``where``."""
    rule = _FIELDS[name].metadata["rule"]
    if value is None and _FIELDS[name].default is None:
        return None
    kind = _scalar_kind(name)
    if _is_list(name):
        if not isinstance(value, list | tuple):
            raise ConfigError(f"{where}: expected a list of whole numbers, got {_show(value)}")
        return tuple(_check_one(kind, rule, entry, where) for entry in value)
    return _check_one(kind, rule, value, where)


def _check_one(kind: Any, rule: Mapping[str, Any], value: Any, where: str) -> Any:
    if kind is float and type(value) is int and abs(value) < 2**53:
        value = float(value)
    if type(value) is not kind or (kind is float and not math.isfinite(value)):
        raise ConfigError(f"{where}: expected {_describe(kind, rule)}, got {_show(value)}")
    in_bounds = (
        ("above" not in rule or value > rule["above"])
        and ("low" not in rule or value >= rule["low"])
        and ("below" not in rule or value < rule["below"])
    )
    if not in_bounds:
        raise ConfigError(f"{where}: expected {_describe(kind, rule)}, got {_show(value)}")
    if value not in rule.get("choices", (value,)):
        close = difflib.get_close_matches(str(value), rule["choices"], n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise ConfigError(f"{where}: expected {_describe(kind, rule)}, got {_show(value)}{hint}")
    return value


def _describe(kind: type, rule: Mapping[str, Any]) -> str:
    if "choices" in rule:
        return f"one of {', '.join(rule['choices'])}"
    text = {int: "a whole number", float: "a number", str: "text"}[kind]
    bounds = [
        f"{words} {rule[key]}"
        for key, words in (("above", "above"), ("low", "of at least"), ("below", "below"))
        if key in rule
    ]
    return " ".join([text, " and ".join(bounds)]).strip()


def _show(value: Any) -> str:
    return "a table" if isinstance(value, dict) else repr(value)


def _scalar_kind(name: str) -> type:
    """The type of the setting, or of its entries for a list, without the None of a default."""
    arguments = typing.get_args(_KINDS[name])
    return arguments[0] if arguments else _KINDS[name]


def _is_list(name: str) -> bool:
    return typing.get_origin(_KINDS[name]) is tuple


def flag(name: str) -> str:
    """The command-line flag of a setting.

    >>> flag("batch_size")
    '--batch-size'
    """
    return "--" + name.replace("_", "-")


def add_flags(parser: argparse._ActionsContainer) -> None:
    """A flag for each setting; those not given leave no attribute behind."""
    for name, field in _FIELDS.items():
        choices = field.metadata["rule"].get("choices")
        default = field.default
        if isinstance(default, tuple):
            default = ",".join(map(str, default))
        text = field.metadata["help"] + ("" if default is None else f" (default: {default})")
        parser.add_argument(
            flag(name),
            # Values stay text here: check() gives every fault in the same words as for TOML.
            default=argparse.SUPPRESS,
            metavar=field.metadata["metavar"] or _metavar(name, choices),
            help=text.replace("%", "%%"),
        )


def _metavar(name: str, choices: tuple[str, ...] | None) -> str:
    if choices:
        return "{" + ",".join(choices) + "}"
    return "N,N" if _is_list(name) else {int: "N", float: "X"}[_scalar_kind(name)]


def from_flags(arguments: argparse.Namespace) -> dict[str, Any]:
    """The settings among parsed command-line arguments, checked; ConfigError names the flag."""
    given = {name: text for name, text in vars(arguments).items() if name in _FIELDS}
    return {name: check(name, _parse(name, text), flag(name)) for name, text in given.items()}


def _parse(name: str, text: str) -> Any:
    kind = _scalar_kind(name)
    if _is_list(name):
        entries = [entry.strip() for entry in text.split(",")] if text.strip() else []
        return [_number(kind, entry) for entry in entries]
    return _number(kind, text)


def _number(kind: type, text: str) -> Any:
    """``text`` itself where it is no number: check() then says what was expected."""
    try:
        return kind(text)
    except ValueError:
        return text


def read_toml(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The settings in a TOML file, checked; ConfigError names the file and the key."""
    try:
        table = tomllib.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: can't be read ({error.strerror or error})") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not a text file in UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not a TOML file ({error})") from error
    for key in table:
        if key not in _FIELDS:
            close = difflib.get_close_matches(key, NAMES, n=1)
            hint = f"did you mean '{close[0]}'?" if close else f"known keys: {', '.join(NAMES)}"
            raise ConfigError(f"{path}: unknown key '{key}'; {hint}")
    return {key: check(key, value, f"{path}: {key}") for key, value in table.items()}


def write_toml(config: Config) -> str:
    """``config`` as a TOML file that ``read_toml`` takes back."""
    lines = [f"{name} = {_toml(value)}" for name, value in dataclasses.asdict(config).items()]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    # JSON's numbers, lists and quoted text are TOML's as well, but for the raw DEL character.
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
