"""Each way a setting comes in, what wins, and the line for each fault."""

import argparse
import dataclasses
import re
import tomllib

import pytest

from gpubp.errors import ConfigError
from gpubp.train import config
from gpubp.train.config import Config


def parse(*arguments):
    parser = argparse.ArgumentParser()
    config.add_flags(parser)
    return config.from_flags(parser.parse_args(arguments))


def test_defaults_that_depend_on_others():
    assert (Config().lr, Config().weight_decay) == (0.003, 0.01)
    assert (Config(optimizer="sgd").lr, Config(optimizer="sgd").weight_decay) == (0.3, 0.0)
    assert Config(optimizer="sgd", lr=1).lr == 1.0


def test_flags():
    given = parse("--hidden", "64, 32", "--lr", "1e-2", "--batch-size", "16", "--model", "cnn")
    assert given == {"hidden": (64, 32), "lr": 0.01, "batch_size": 16, "model": "cnn"}
    assert parse() == {}
    assert parse("--hidden", "") == {"hidden": ()}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--lr", "fast"], "--lr: expected a number above 0, got 'fast'"),
        (["--lr", "0"], "--lr: expected a number above 0, got 0.0"),
        (["--lr", "nan"], "--lr: expected a number above 0, got nan"),
        (["--epochs", "1.5"], "--epochs: expected a whole number of at least 1, got '1.5'"),
        (["--epochs", "0"], "--epochs: expected a whole number of at least 1, got 0"),
        (["--hidden", "64,x"], "--hidden: expected a whole number of at least 1, got 'x'"),
        (["--hidden", "64,0"], "--hidden: expected a whole number of at least 1, got 0"),
        (["--dropout", "1"], "--dropout: expected a number of at least 0 and below 1, got 1.0"),
        (
            ["--optimizer", "adams"],
            "--optimizer: expected one of sgd, momentum, nesterov, adam, adamw, rmsprop, "
            "got 'adams'; did you mean adam?",
        ),
        (["--dtype", "int8"], "--dtype: expected one of float32, float64, got 'int8'"),
    ],
)
def test_flag_faults(arguments, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        parse(*arguments)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("batchsize = 3", "unknown key 'batchsize'; did you mean 'batch_size'?"),
        ("batch-size = 3", "unknown key 'batch-size'; did you mean 'batch_size'?"),
        ("zzz = 3", "unknown key 'zzz'; known keys: data, label_column,"),
        ("lr = '0.1'", "lr: expected a number above 0, got '0.1'"),
        ("epochs = 2.0", "epochs: expected a whole number of at least 1, got 2.0"),
        ("epochs = true", "epochs: expected a whole number of at least 1, got True"),
        ("hidden = 64", "hidden: expected a list of whole numbers, got 64"),
        ("hidden = ['a']", "hidden: expected a whole number of at least 1, got 'a'"),
        ("[optimizer]\nname = 'sgd'", "optimizer: expected one of sgd, momentum, nesterov, adam, "
         "adamw, rmsprop, got a table"),
        ("data = 3", "data: expected text, got 3"),
        ("lr = ", "not a TOML file (Invalid value (at end of document))"),
    ],
)  # fmt: skip
def test_toml_faults(tmp_path, text, message):
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=re.escape(f"{path}: {message}")) as caught:
        config.read_toml(path)
    assert "\n" not in str(caught.value)


def test_toml_that_can_not_be_read(tmp_path):
    with pytest.raises(ConfigError, match=r"c\.toml: can't be read \(No such file or directory\)"):
        config.read_toml(tmp_path / "c.toml")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"c\.toml: not a text file in UTF-8"):
        config.read_toml(tmp_path / "c.toml")


def test_faults_in_python():
    with pytest.raises(ConfigError, match=r"^Config: lr: expected a number above 0, got -1.0$"):
        Config(lr=-1)
    with pytest.raises(ConfigError, match=r"^Config: epochs: expected a whole number"):
        Config(epochs=None)


def test_resolved_configuration_comes_back(tmp_path):
    original = Config(
        data='a "quoted" \\ name\x7f\n\u00e9\U0001f600.npz', hidden=(), lr=0.1, optimizer="sgd"
    )
    path = tmp_path / "c.toml"
    path.write_text(config.write_toml(original), encoding="utf-8")
    assert set(tomllib.loads(path.read_text(encoding="utf-8"))) == set(config.NAMES)
    assert Config(**config.read_toml(path)) == original


def test_every_setting_has_a_flag_and_help():
    parser = argparse.ArgumentParser()
    config.add_flags(parser)
    text = " ".join(parser.format_help().split())
    for field in dataclasses.fields(Config):
        assert config.flag(field.name) in text
        assert field.metadata["help"]
